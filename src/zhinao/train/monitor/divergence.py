"""Whether the losses of a run have come apart, judged by what its losses were before. Pure: numbers in, a reason out.

Losses are nats a token (a pair, for preferences). Batches may be of several kinds, easy ones and hard ones, so no middle and no
spread says what is usual: the high end of the earlier losses does. And what is above that must stay above it.
"""

from collections import deque
from dataclasses import dataclass
from statistics import fmean

NUM_FIRST = 20  # losses before which nothing is judged
WINDOW = 256  # losses that say what is usual; those of the last RECENT batches are not among them
HIGH = 0.95  # this share of the usual losses is not above what such losses come up to
MARGIN = 3.0  # nats above that, or above the lowest level: a batch twenty times less likely a token
FLOOR = 5.0  # healthy models meet texts at which they lose so much; below it nothing has come apart
RECENT, TOO_MANY = 10, 8  # so many of the last ten above the limit stop
WILD, NUM_WILD, TOO_WILD = 20.0, 5, 3  # nats that no guessing costs (a vocabulary of 158,464: 12); three of five stop


@dataclass(frozen=True)
class Reason:
    """Why a run has come apart. `level`: where its losses are now; `usual`: where they were; `limit`: what was allowed."""

    level: float
    usual: float
    limit: float


class Losses:
    """The losses of a run as they come. Two things stop it: the last ones are nearly all above what such losses came up to
    before, or over a few hundred batches their mean has risen from its lowest level."""

    def __init__(self):
        self._usual: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lowest: float | None = None  # mean of a full window

    @property
    def is_suspicious(self) -> bool:
        """Whether one of the last losses was too high."""
        limit = self.limit()
        return limit is not None and any(loss > limit for loss in self._recent)

    def limit(self) -> float | None:
        """Above which a loss is too high now; None during the first ones."""
        if len(self._usual) < NUM_FIRST:
            return None
        ordered = sorted(self._usual)
        return max(ordered[int(HIGH * (len(ordered) - 1))] + MARGIN, FLOOR)

    def add(self, loss: float) -> Reason | None:
        """One more finite loss; why the run has come apart, or None."""
        if len(self._recent) == RECENT:
            self._usual.append(self._recent[0])
        self._recent.append(loss)
        return self._leapt() or self._climbed()

    def _leapt(self) -> Reason | None:
        limit = self.limit()
        if limit is None:
            return None
        wild = max(limit, WILD)
        last = list(self._recent)[-NUM_WILD:]
        is_over = sum(one > limit for one in self._recent) >= TOO_MANY or sum(one > wild for one in last) >= TOO_WILD
        return Reason(self._recent[-1], fmean(self._usual), limit) if is_over else None

    def _climbed(self) -> Reason | None:
        if len(self._usual) < WINDOW:
            return None
        mean = fmean(self._usual)
        self._lowest = mean if self._lowest is None else min(mean, self._lowest)
        limit = max(self._lowest + MARGIN, FLOOR)
        return Reason(mean, self._lowest, limit) if mean > limit else None

    def state(self) -> dict:
        """As JSON knows it, for `restore`."""
        return {"usual": list(self._usual), "recent": list(self._recent), "lowest": self._lowest}

    def restore(self, state: dict) -> None:
        self._usual.extend(state["usual"])
        self._recent.extend(state["recent"])
        self._lowest = state["lowest"]
