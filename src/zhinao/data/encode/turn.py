"""One message of the assistant as the server has it: the prompt that it sends to the model, and the ids that are to come back.

All ids come from the one renderer, `prompt/conversation.py`; only a thought that the template would lose is put back here.
"""

from collections.abc import Iterator

from zhinao.data.encode.thoughts import thought_of, without_thought
from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.prompt.conversation import Rendered, render


def turn(messages: list[dict], tools, tokenizer) -> tuple[list[int], list[int]]:
    """What the server sends to the model before the last message, and what the model is to answer, end token included."""
    *before, message = messages
    whole = render(messages, tokenizer, add_generation_prompt=False, tools=tools)
    start, end = _last_run(whole)
    if not before:
        return whole.ids[:start], whole.ids[start:end]
    prompt = render(before, tokenizer, tools=tools)
    size, thought = len(prompt.ids), thought_of(message)
    if whole.ids[:size] == prompt.ids and thought in whole.text[len(prompt.text) :]:
        return prompt.ids, whole.ids[size:end]
    if thought or prompt.opens_thought:
        bare = render([*before, without_thought(message)], tokenizer, add_generation_prompt=False, tools=tools)
        start, end = _last_run(bare)
        return prompt.ids, _thought_ids(thought, prompt, tokenizer) + bare.ids[start:end]
    return prompt.ids, whole.ids[start:end]  # one token reaches across the border


def num_thought_ids(answer: list[int], message: dict, tokenizer) -> int:
    """How many of the first ids of an answer are its thought, the closing marker included."""
    thought = thought_of(message)
    if not thought:
        return 0
    closing = tokenizer.control_tokens.get(THINK_CLOSE)
    if closing in answer:
        return answer.index(closing) + 1
    last = THINK_CLOSE if THINK_CLOSE in tokenizer.decode(answer, skip_control=False) else thought
    low, high = 0, len(answer)
    while low < high:
        middle = (low + high) // 2
        if last in tokenizer.decode(answer[:middle], skip_control=False):
            high = middle
        else:
            low = middle + 1
    return low


def runs_of(mask: list[bool]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of True."""
    start = None
    for n, is_said in enumerate([*mask, False]):
        if is_said and start is None:
            start = n
        elif not is_said and start is not None:
            yield start, n
            start = None


def _last_run(rendered: Rendered) -> tuple[int, int]:
    *_, last = [(0, 0), *runs_of(rendered.mask)]
    return last


def _thought_ids(thought: str, prompt: Rendered, tokenizer) -> list[int]:
    """A thought as the model would write it after `prompt`, for templates that show it in no message."""
    before = "" if prompt.opens_thought else THINK_OPEN
    text = f"\n{thought}\n" if before or not prompt.text.endswith("\n") else f"{thought}\n"
    control = tokenizer.control_tokens
    if THINK_OPEN not in control or THINK_CLOSE not in control:
        return tokenizer.encode(f"{before}{text}{THINK_CLOSE}\n\n")
    opening = [control[THINK_OPEN]] if before else []
    return [*opening, *tokenizer.encode(text), control[THINK_CLOSE], *tokenizer.encode("\n\n")]
