"""Rewards for the form of a completion: one thought that ends, an answer after it, no overlong and no repetitious text.

Each can be reached in full by what the family's template asks for, also where the prompt has opened the thought already.
"""

import re

from zhinao.score.rewards.thought import parts

LIMIT, BUFFER = 16_000, 4_000  # characters: from LIMIT - BUFFER on a completion is punished, linearly
NUM_GRAMS = 20  # characters of a repeated piece
_BOXED = re.compile(r"\\boxed\s*\{")


def format_reward(prompt: str, completion: str, gold: str = "", *, is_thought_open: bool = False) -> float:
    """1.0: exactly one thought, not empty, closed, with an answer after it that has one `\\boxed{}`; 0.5 without a box; else 0.0."""
    found = parts(completion, is_thought_open)
    is_whole = found.num_opened == found.num_closed == 1 and found.thought and found.thought.strip()
    if not is_whole or not (found.answer and found.answer.strip()):
        return 0.0
    begins = is_thought_open or completion.lstrip().startswith("<think>")
    if not begins:
        return 0.0
    return 1.0 if len(_BOXED.findall(found.answer)) == 1 else 0.5


def length(prompt: str, completion: str, gold: str = "", *, is_thought_open: bool = False) -> float:
    """DAPO's soft punishment of overlong answers (arXiv 2503.14476, eq. 13), in characters: 0 up to LIMIT - BUFFER, then down to -1 at LIMIT."""
    return -min(1.0, max(0.0, (len(completion) - (LIMIT - BUFFER)) / BUFFER))


def repetition(prompt: str, completion: str, gold: str = "", *, is_thought_open: bool = False) -> float:
    """Minus the share of places whose `NUM_GRAMS` characters stood in the completion before: 0 for none, towards -1 for a loop."""
    num_places = len(completion) - NUM_GRAMS + 1
    if num_places < 2:
        return 0.0
    pieces = {completion[start : start + NUM_GRAMS] for start in range(num_places)}
    return -(1 - len(pieces) / num_places)
