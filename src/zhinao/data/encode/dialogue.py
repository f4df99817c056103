"""Conversations as token ids and weights, each turn in the context that the server would render for it.

All ids come from the one renderer, `prompt/conversation.py`; only a thought that the template would lose is put back here.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from zhinao.data.encode.choices import Choices
from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.prompt.conversation import Rendered, render

_NUM_ONE_BY_ONE = 2  # so many answers to one question are each rendered by themselves


@dataclass(slots=True)
class Document:
    """`weights[t]` is what the loss of predicting `ids[t]` counts. `turns`: where each trained message ends."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)

    def add(self, ids: list[int], weight: float) -> None:
        self.ids += ids
        self.weights += [weight] * len(ids)


def documents(messages: list[dict], weights: dict[int, float], tools, tokenizer, choices: Choices) -> list[Document]:
    """One document, or several where earlier turns would be rendered in another way than they were served.

    `messages` have their thoughts apart (`apart`); `weights` gives those of the assistant that count, by index. No documents where none does.
    Raises UsageError for what the template refuses, or where it does not show which tokens are the assistant's.
    """
    if choices.thoughts == "drop":
        messages = [without_thought(m) for m in messages]
    has_thoughts = any(m["role"] == "assistant" and thought_of(m) for m in messages)
    if choices.train_on == "last" or (has_thoughts and choices.thoughts == "last"):
        weights = {n: weight for n, weight in weights.items() if n > _last_question(messages)}
    if not weights:
        return []
    messages = messages[: max(weights) + 1]
    if not has_thoughts and not _opens_thought(tokenizer):
        whole = _as_one(messages, weights, tools, tokenizer)
        if whole is not None:
            return [whole]
    return _as_served(messages, weights, tools, tokenizer, choices.train_thoughts)


def _last_question(messages: list[dict]) -> int:
    """The last message of the user that the assistant answers."""
    roles = [m["role"] for m in messages]
    answered = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else 0
    return max((n for n, role in enumerate(roles[:answered]) if role == "user"), default=-1)


@functools.lru_cache(maxsize=4)
def _opens_thought(tokenizer) -> bool:
    """Whether the template itself begins a thought before each answer."""
    return render([{"role": "user", "content": "x"}], tokenizer).opens_thought


def _as_one(messages: list[dict], weights: dict[int, float], tools, tokenizer) -> Document | None:
    """None where the template's frames are not one for each message of the assistant."""
    rendered = render(messages, tokenizer, add_generation_prompt=False, tools=tools)
    runs, speakers = list(runs_of(rendered.mask)), [n for n, m in enumerate(messages) if m["role"] == "assistant"]
    if len(runs) != len(speakers):
        return None
    document = Document()
    for n, (start, end) in zip(speakers, runs, strict=True):
        if n in weights:
            document.add(rendered.ids[len(document.ids) : start], 0)
            document.add(rendered.ids[start:end], weights[n])
            document.turns.append(end)
    return document


def _as_served(messages, weights: dict[int, float], tools, tokenizer, train_thoughts: bool) -> list[Document]:
    """A document for each trained message, joined with the one before where that is the beginning of it, id by id."""
    result: list[Document] = []
    questions = {n: _last_question(messages[: n + 1]) for n in weights}
    for _, group in itertools.groupby(weights, key=questions.__getitem__):
        numbers = list(group)
        for n, (prompt, answer) in zip(numbers, _turns(messages, numbers, tools, tokenizer), strict=True):
            if not (result and prompt[: len(result[-1].ids)] == result[-1].ids):
                result.append(Document())
            document, untrained = result[-1], 0 if train_thoughts else num_thought_ids(answer, messages[n], tokenizer)
            document.add(prompt[len(document.ids) :], 0)
            document.add(answer[:untrained], 0)
            document.add(answer[untrained:], weights[n])
            document.turns.append(len(document.ids))
    return result


def _turns(messages: list[dict], numbers: list[int], tools, tokenizer) -> list[tuple[list[int], list[int]]]:
    """`served_turn` of each of the answers to one question. Of many (an agent's calls), one rendering serves all."""
    if len(numbers) > _NUM_ONE_BY_ONE:
        at_once = _turns_at_once(messages[: numbers[-1] + 1], numbers, tools, tokenizer)
        if at_once is not None:
            return at_once
    return [served_turn(messages[: n + 1], tools, tokenizer) for n in numbers]


def _turns_at_once(messages, numbers: list[int], tools, tokenizer) -> list[tuple[list[int], list[int]]] | None:
    """None where the first or the last answer is served in other ids than the whole shows, or a thought is missing in it."""
    whole = render(messages, tokenizer, add_generation_prompt=False, tools=tools)
    runs, speakers = list(runs_of(whole.mask)), [n for n, m in enumerate(messages) if m["role"] == "assistant"]
    if len(runs) != len(speakers):
        return None
    spans = dict(zip(speakers, runs, strict=True))
    found = [(whole.ids[:start], whole.ids[start:end]) for start, end in map(spans.__getitem__, numbers)]
    shown = (tokenizer.decode(answer, skip_control=False) for _, answer in found)
    if not all(thought_of(messages[n]) in text for n, text in zip(numbers, shown, strict=True)):
        return None
    borders = [(place, served_turn(messages[: numbers[place] + 1], tools, tokenizer)) for place in (0, -1)]
    return found if all(found[place] == served for place, served in borders) else None


def served_turn(messages: list[dict], tools, tokenizer) -> tuple[list[int], list[int]]:
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


def is_cut(message: dict) -> bool:
    """Whether a thought begins in `content` and never ends: the answer was cut off, and its end is none."""
    content = message["content"].lstrip()
    return content.startswith(THINK_OPEN) and THINK_CLOSE not in content


def apart(message: dict) -> dict:
    """A copy of a normalized message (`prompt/messages.py`) with the thought in its own field, as a server gets it back.

    As everywhere in this package, what stands before a `</think>` that was never opened is a thought too.
    """
    if message["role"] != "assistant":
        return dict(message)
    thought, content = message.get("reasoning_content", ""), message["content"]
    if THINK_CLOSE in content:
        before, _, after = content.partition(THINK_CLOSE)
        thought, content = thought or before.lstrip().removeprefix(THINK_OPEN), after.lstrip("\n")
    bare = {**without_thought(message), "content": content}
    return {**bare, "reasoning_content": thought, "reasoning": thought} if thought.strip() else bare


def thought_of(message: dict) -> str:
    """The thought of a message that `apart` made; empty where there is none."""
    return message.get("reasoning_content", "").strip()


def without_thought(message: dict) -> dict:
    """A copy of a message that `apart` made, with the answer alone."""
    return {key: value for key, value in message.items() if key not in ("reasoning_content", "reasoning")}


def has_thoughts(messages: list[dict]) -> bool:
    """Whether the assistant thinks in any of these messages, which need not be normalized."""
    return any(
        m.get("role") == "assistant"
        and (m.get("reasoning_content") or m.get("reasoning") or THINK_CLOSE in str(m.get("content")))
        for m in messages
    )
