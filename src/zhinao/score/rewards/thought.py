"""A completion taken apart: its thought and what follows. Only what follows the last `</think>` is an answer."""

from dataclasses import dataclass

from zhinao.family import THINK_CLOSE, THINK_OPEN

LEAST_COPIED = 20  # characters


@dataclass(frozen=True)
class Parts:
    """`thought` is None where there is none; `answer` is None where a thought was opened and never closed.

    num_opened, num_closed: tags in the whole completion, the prompt's own `<think>` included.
    """

    thought: str | None
    answer: str | None
    num_opened: int
    num_closed: int


def parts(completion: str, is_thought_open: bool = False) -> Parts:
    text = (THINK_OPEN if is_thought_open else "") + completion
    num_opened, num_closed = text.count(THINK_OPEN), text.count(THINK_CLOSE)
    if num_closed:
        thought, _, answer = text.rpartition(THINK_CLOSE)
        return Parts(thought.partition(THINK_OPEN)[2] if num_opened else thought, answer, num_opened, num_closed)
    if num_opened:
        return Parts(text.partition(THINK_OPEN)[2], None, num_opened, 0)
    return Parts(None, text, 0, 0)


def is_copied(answer: str, prompt: str) -> bool:
    """Whether the answer is a piece of the prompt (which may show a box of its own), and too long to be so by chance."""
    text = answer.strip()
    return len(text) >= LEAST_COPIED and text in prompt
