"""Conversations as token ids and weights, each turn in the context that the server would render for it (`turn.py`)."""

import functools
import itertools
from dataclasses import dataclass, field

from zhinao.data.encode.choices import How
from zhinao.data.encode.thoughts import thought_of, without_thought
from zhinao.data.encode.turn import num_thought_ids, runs_of, turn
from zhinao.prompt.conversation import render

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


def documents(messages: list[dict], weights: dict[int, float], tools, tokenizer, how: How) -> list[Document]:
    """One document, or several where earlier turns would be rendered in another way than they were served.

    `messages` have their thoughts apart (`thoughts.py`); `weights` gives those of the assistant that count, by index. No documents where none does.
    Raises UsageError for what the template refuses, or where it does not show which tokens are the assistant's.
    """
    if how.thoughts == "drop":
        messages = [without_thought(m) for m in messages]
    has_thoughts = any(m["role"] == "assistant" and thought_of(m) for m in messages)
    if how.train_on == "last" or (has_thoughts and how.thoughts == "last"):
        weights = {n: weight for n, weight in weights.items() if n > _last_question(messages)}
    if not weights:
        return []
    messages = messages[: max(weights) + 1]
    if not has_thoughts and not _opens_thought(tokenizer):
        whole = _as_one(messages, weights, tools, tokenizer)
        if whole is not None:
            return [whole]
    return _as_served(messages, weights, tools, tokenizer, how.train_thoughts)


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
    """`turn` of each of the answers to one question. Of many (an agent's calls), one rendering serves all."""
    if len(numbers) > _NUM_ONE_BY_ONE:
        at_once = _turns_at_once(messages[: numbers[-1] + 1], numbers, tools, tokenizer)
        if at_once is not None:
            return at_once
    return [turn(messages[: n + 1], tools, tokenizer) for n in numbers]


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
    borders = [(place, turn(messages[: numbers[place] + 1], tools, tokenizer)) for place in (0, -1)]
    return found if all(found[place] == served for place, served in borders) else None
