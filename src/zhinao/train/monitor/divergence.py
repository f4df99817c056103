"""Whether the losses of a run have come apart, judged by what its losses were before. Pure: numbers in, a reason out.

Losses are nats a token (a pair, for preferences). Batches may be of several kinds, easy ones and hard ones, so no middle and no
spread says what is usual: the high end of the earlier losses does. And what is above that must stay above it.
"""

from collections import deque
from dataclasses import dataclass
from statistics import fmean

NUM_FIRST = 20  # losses before which nothing is usual
WINDOW = 256  # losses that say what is usual; those of the last RECENT batches are not among them
HIGH = 0.95  # this share of the usual losses is not above what such losses come up to
MARGIN = 3.0  # nats above that, or above the lowest level: a batch twenty times less likely a token
FLOOR = 5.0  # healthy models meet texts at which they lose so much; below it nothing has come apart
RECENT, TOO_MANY = 10, 8  # so many of the last ten above the limit stop
NUM_EARLY, STREAK = 64, 24  # batches in which a run may come apart at once; so many in a row far above the very first
WILD, NUM_WILD, TOO_WILD = 20.0, 5, 3  # nats that no guessing costs (a vocabulary of 158,464: 12); three of five stop


@dataclass(frozen=True)
class Reason:
    """Why a run has come apart. `level`: where its losses are now; `usual`: where they were; `limit`: what was allowed."""

    level: float
    usual: float
    limit: float


class Losses:
    """The losses of a run as they come. Three things stop it: the last ones are nearly all above what such losses came up to
    before; over a few hundred batches their mean has risen from its lowest level; or it came apart in its first steps, so that
    nothing else was ever usual."""

    def __init__(self):
        self._usual: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._lowest: float | None = None  # mean of a full window
        self._first: float | None = None
        self._streak = 0

    @property
    def is_suspicious(self) -> bool:
        """Whether one of the last losses was too high."""
        bound = self.bound()
        return any(loss > bound for loss in self._recent)

    def limit(self) -> float | None:
        """Above which a loss is too high now; None during the first ones."""
        if len(self._usual) < NUM_FIRST:
            return None
        ordered = sorted(self._usual)
        return max(ordered[int(HIGH * (len(ordered) - 1))] + MARGIN, FLOOR)

    def bound(self) -> float:
        """Above which a loss is suspicious: the limit, and during the first ones what no guessing costs."""
        limit = self.limit()
        return self._wild() if limit is None else limit

    def _wild(self) -> float:
        return max(WILD, 2 * (self._first or 0))

    def add(self, loss: float) -> Reason | None:
        """One more finite loss; why the run has come apart, or None."""
        self._first = loss if self._first is None else self._first
        if len(self._recent) == RECENT:
            self._usual.append(self._recent[0])
        self._recent.append(loss)
        return self._leapt() or self._climbed() or self._began_apart()

    def _leapt(self) -> Reason | None:
        limit, absurd = self.limit(), self._wild()
        if limit is not None and self._num_over(limit) >= TOO_MANY:
            return self._reason(limit)
        wild = absurd if limit is None else max(limit, WILD)
        if self._num_over(wild, NUM_WILD) >= TOO_WILD:
            return self._reason(wild)
        return self._reason(absurd) if self._num_over(absurd) >= TOO_MANY else None

    def _num_over(self, limit: float, num_last: int = RECENT) -> int:
        return sum(loss > limit for loss in list(self._recent)[-num_last:])

    def _reason(self, limit: float) -> Reason:
        return Reason(self._recent[-1], fmean(self._usual or [self._first]), limit)

    def _climbed(self) -> Reason | None:
        if len(self._usual) < WINDOW:
            return None
        mean = fmean(self._usual)
        self._lowest = mean if self._lowest is None else min(mean, self._lowest)
        limit = max(self._lowest + MARGIN, FLOOR)
        return Reason(mean, self._lowest, limit) if mean > limit else None

    def _began_apart(self) -> Reason | None:
        limit = max(self._first + MARGIN, FLOOR)
        self._streak = self._streak + 1 if self._recent[-1] > limit else 0
        is_early = len(self._usual) < NUM_EARLY
        return Reason(self._recent[-1], self._first, limit) if is_early and self._streak >= STREAK else None

    def state(self) -> dict:
        """As JSON knows it, for `restore`."""
        windows = {"usual": list(self._usual), "recent": list(self._recent)}
        return {**windows, "lowest": self._lowest, "first": self._first, "streak": self._streak}

    def restore(self, state: dict) -> None:
        self._usual.extend(state["usual"])
        self._recent.extend(state["recent"])
        self._lowest, self._first, self._streak = state["lowest"], state["first"], state["streak"]
