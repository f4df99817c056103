"""How well a model predicts a text: negative log-likelihood by token, byte and character, over sliding windows.

A window begins `stride` tokens after the last one and counts only the tokens that no window before it has counted, so each but the
first token of the text is counted once, and (after the first window) given at least window - stride tokens before it. The first
token has nothing before it and is not counted. Nothing is put before the text. Numbers only.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

WINDOW = 2048  # most tokens at once, where the context is longer and nobody says otherwise
Request = tuple[Sequence[int], int]


@dataclass(frozen=True)
class Perplexity:
    """`loss`: natural-log likelihood of all counted tokens, negated. `num_tokens`: counted ones; bytes and characters: of the whole text."""

    loss: float
    num_tokens: int
    num_bytes: int
    num_characters: int
    window: int
    stride: int

    @property
    def per_token(self) -> float:
        return math.exp(self.loss / self.num_tokens)

    @property
    def per_byte(self) -> float:
        return math.exp(self.loss / self.num_bytes)

    @property
    def per_character(self) -> float:
        return math.exp(self.loss / self.num_characters)

    @property
    def bits_per_byte(self) -> float:
        """Comparable between models of different tokenizers."""
        return self.loss / math.log(2) / self.num_bytes


def measure(
    score_many: Callable[[list[Request]], Iterable], ids: Sequence[int], text: str, window: int, stride: int
) -> Perplexity:
    """`score_many`: an engine's. `ids`: of `text`, two at least. 1 <= stride < window."""
    requests = list(windows(ids, window, stride))
    loss = -math.fsum(logprob for _, logprobs, _ in score_many(requests) for logprob in logprobs)
    return Perplexity(loss, len(ids) - 1, len(text.encode("utf-8", "surrogatepass")), len(text), window, stride)


def windows(ids: Sequence[int], window: int, stride: int) -> Iterator[Request]:
    """What stands in each window, and the first of its tokens that is counted."""
    counted = 1
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        yield ids[begin:end], counted - begin
        counted = end
        if end == len(ids):
            return
