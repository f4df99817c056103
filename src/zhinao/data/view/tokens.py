"""A document as tokens that can be shown: the text of each, what is learned from it, where thoughts and turns end.

Draws nothing. Joined, the texts of the tokens are what the tokenizer decodes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zhinao.data.encode.encoding import Encoded
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
