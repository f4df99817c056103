"""What the trainer gets of some samples: documents, rows of documents packed together, and what the limit takes away.

Draws nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, documents_of
from zhinao.data.encode.omitted import Omitted
from zhinao.data.encode.overlong import Limit, fit
from zhinao.data.sample import Fault, Sample
from zhinao.data.store.packing import best_fit
from zhinao.family import THINK_CLOSE, THINK_OPEN

State = Literal["trained", "masked", "cut"]
_THOUGHT = re.compile(f"{THINK_OPEN}.*?(?:{THINK_CLOSE}|\\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is empty for a token that is only the first bytes of a character; then `part` has them in hex, and the token that
    completes the character has its text. `weight` is what the loss of predicting it counts."""

    id: int
    text: str
    part: str
    state: State
    weight: float
    is_control: bool = False
    in_thought: bool = False
    ends_turn: bool = False


def tokens_of(document: Encoded, tokenizer, is_cut: bool = False) -> list[Token]:
    """The tokens of a document; `is_cut`: of one that the trainer does not get."""
    pieces = _texts(document.ids.tolist(), tokenizer)
    thoughts = [match.span() for match in _THOUGHT.finditer("".join(text for text, _ in pieces))]
    control, ends = set(tokenizer.control_tokens.values()), {end - 1 for end in document.turns}
    tokens, place = [], 0
    for n, (text, part) in enumerate(pieces):
        id, weight = int(document.ids[n]), float(document.weights[n])
        state = "cut" if is_cut else "trained" if weight else "masked"
        in_thought = any(first <= place and place + len(text) <= last for first, last in thoughts)
        tokens.append(Token(id, text, part, state, weight, id in control, in_thought, n in ends))
        place += len(text)
    return tokens


def runs(tokens: list[Token]) -> Iterator[list[Token]]:
    """Neighbours in the same state, as one."""
    run: list[Token] = []
    for token in tokens:
        if run and token.state != run[-1].state:
            yield run
            run = []
        run.append(token)
    if run:
        yield run


def _texts(ids: list[int], tokenizer) -> list[tuple[str, str]]:
    """Text and, where there is none yet, bytes of each token."""
    stream, pieces = tokenizer.stream(skip_control=False), []
    for id in ids:
        text = stream.feed([id])
        pieces.append((text, "" if text else tokenizer.bytes_of(id).hex(" ")))
    if (rest := stream.flush()) and pieces:
        pieces[-1] = (pieces[-1][0] + rest, "")
    return pieces


_WORD = 4  # bytes of an id


@dataclass
class Shown:
    """One document. `number`: which sample it is of, from 1, over all sources."""

    number: int
    place: str
    tokens: list[Token]

    def num(self, state: str) -> int:
        return sum(token.state == state for token in self.tokens)


@dataclass
class View:
    """`rows`: each a list of documents that the trainer gets together, one for each document where nothing is packed.

    `cut`: what of a sample no row has. `faults`: samples of which nothing is trained, with the reason.
    """

    rows: list[list[Shown]] = field(default_factory=list)
    cut: list[Shown] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    capacity: int | None = None


def view(
    items: Sequence[tuple[int, Sample | Fault]],
    tokenizer,
    choices: Choices,
    limit: Limit | None,
    packs: bool,
    seed: int,
) -> View:
    """`items`: samples with their numbers. `packs`: put documents into rows of `limit` tokens, as training does."""
    result, kept = View(), []
    for number, item in items:
        made = item if isinstance(item, Fault) else documents_of(item, tokenizer, choices)
        if isinstance(made, Fault):
            result.faults.append((number, str(made)))
            continue
        fitting = _fitting(item, made, tokenizer, choices, limit)
        kept += [(number, document) for document in fitting]
        for lost in _lost(made, fitting):
            result.cut.append(Shown(number, str(lost.place), tokens_of(lost, tokenizer, is_cut=True)))
    shown = [Shown(number, str(document.place), tokens_of(document, tokenizer)) for number, document in kept]
    if not packs or limit is None:
        result.rows = [[one] for one in shown]
        return result
    result.capacity = limit.num_tokens
    packed = best_fit([len(document.ids) for _, document in kept], limit.num_tokens, seed)
    result.rows = [[shown[n] for n in pack] for pack in packed]
    return result


def _fitting(sample: Sample, made: list[Encoded], tokenizer, choices: Choices, limit: Limit | None) -> list[Encoded]:
    """The documents that the trainer gets. Pairs of answers are never cut: a long one is left out."""
    if limit is None or all(len(document.ids) <= limit.num_tokens for document in made):
        return made
    if sample.kind == "preference":
        return []
    fitted = fit(sample, tokenizer, choices, limit, Omitted())
    return [] if isinstance(fitted, Fault) else fitted


def _lost(whole: list[Encoded], kept: list[Encoded]) -> list[Encoded]:
    """The stretches of the whole documents that stand in none of those that are kept."""
    if kept is whole:
        return []
    lost = []
    for document in whole:
        is_kept = np.zeros(len(document.ids), bool)
        for one in kept:
            first, size = _place_of(one.ids, document.ids)
            is_kept[first : first + size] = True
        edges = np.flatnonzero(np.diff(np.concatenate([[True], is_kept, [True]])))
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            lost.append(Encoded(document.ids[first:last], document.weights[first:last], document.place))
    return lost


def _place_of(part: np.ndarray, whole: np.ndarray) -> tuple[int, int]:
    """Where the longest end of `part` stands in `whole`, and its length. (A part repeats the system message at its head.)"""
    text, low, high, found = whole.tobytes(), 0, len(part), (0, 0)
    while low < high:  # every end of what is found is found too
        middle = (low + high) // 2
        first = _find(text, part[middle:].tobytes())
        if first is None:
            low = middle + 1
        else:
            high, found = middle, (first, len(part) - middle)
    return found


def _find(text: bytes, part: bytes) -> int | None:
    """The index of the first id at which `part` stands."""
    at = text.find(part)
    while at >= 0 and at % _WORD:
        at = text.find(part, at + 1)
    return None if at < 0 else at // _WORD
