"""Which constrained answers to end where steps of the engine have become slow. Pure.

The library follows grammars within its steps, for some the slower the longer the answer is, and everybody waits for the step. What
each of them costs is not told: the ones of the grammar that cost most when it was tried out are ended first.
"""

from dataclasses import dataclass

_YOUNG = 8  # tokens, in which no grammar has become slow yet
_TIMES, _SECONDS, _IN_A_ROW = 4.0, 0.6, 3
_UNKNOWN = 0.5  # seconds of a step, where none has been seen without grammars


@dataclass
class Constrained:
    """An answer that runs: its grammar, the seconds that a token of it cost when it was tried out, and whether the engine meets it
    for the first time (it is compiled in the step that brings the first token)."""

    text: str
    seconds: float
    is_new: bool = False
    num_tokens: int = 0


class SlowSteps:
    """Told of every step; knows what is usual from those that no grammar could have made slow."""

    def __init__(self):
        self._usual: dict[bool, float] = {}  # with and without a prompt being read
        self._num_slow = 0

    def blamed(self, seconds: float, is_reading: bool, live: dict[int, Constrained]) -> list[int]:
        """The keys of `live` that are to be ended after a step of so many seconds, whose tokens are counted already."""
        if any(one.is_new and one.num_tokens == 1 for one in live.values()):
            return []
        if all(one.num_tokens <= _YOUNG for one in live.values()):
            self._learn(seconds, is_reading)
            return []
        is_slow = seconds > _TIMES * self._usual.get(is_reading, _UNKNOWN) + _SECONDS
        self._num_slow = self._num_slow + 1 if is_slow else 0
        if self._num_slow < _IN_A_ROW:
            return []
        self._num_slow = 0
        worst = self._worst(live)
        return [key for key, one in live.items() if one.text == worst]

    def _learn(self, seconds: float, is_reading: bool) -> None:
        before = self._usual.get(is_reading, seconds)
        self._usual[is_reading] = before + (seconds - before) / 8
        self._num_slow = 0

    def _worst(self, live: dict[int, Constrained]) -> str:
        costs: dict[str, tuple[float, int]] = {}
        for one in live.values():
            seconds, num_tokens = costs.get(one.text, (0.0, 0))
            costs[one.text] = seconds + one.seconds, max(num_tokens, one.num_tokens)
        return max(costs, key=costs.__getitem__)
