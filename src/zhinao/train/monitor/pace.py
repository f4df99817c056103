"""How fast a run goes and how long it still takes. Pure: it is told the time; pauses do not count as training."""

from collections import deque

WINDOW = 100  # steps that the time left is judged by


class Pace:
    """Times in seconds of one clock. A pause is what happens between steps: evaluation, sample answers, saving."""

    def __init__(self, num_trained_seconds: float = 0.0):
        self.trained_seconds = num_trained_seconds
        self._mark = None
        self._last = (0.0, 0, 0)  # trained seconds, tokens, supervised tokens at the last `rates`
        self._ends: deque[tuple[int, float]] = deque(maxlen=WINDOW)

    def begin(self, step: int, num_tokens: int, num_supervised: int, now: float) -> None:
        self._mark = now
        self._last = (self.trained_seconds, num_tokens, num_supervised)
        self._ends.append((step, now))

    def step_ended(self, step: int, now: float) -> None:
        self.trained_seconds += now - self._mark
        self._mark = now
        self._ends.append((step, now))

    def pause_ended(self, now: float) -> None:
        self._mark = now

    def rates(self, num_tokens: int, num_supervised: int) -> tuple[float, float]:
        """Tokens and supervised tokens a second since the last call, pauses left out."""
        seconds, tokens, supervised = self._last
        self._last = (self.trained_seconds, num_tokens, num_supervised)
        passed = self.trained_seconds - seconds
        return ((num_tokens - tokens) / passed, (num_supervised - supervised) / passed) if passed > 0 else (0.0, 0.0)

    def seconds_left(self, num_steps: int) -> float | None:
        """Until step `num_steps`, pauses included, as the last steps went; None before the first step ended."""
        (first, began), (last, ended) = self._ends[0], self._ends[-1]
        return (ended - began) / (last - first) * max(0, num_steps - last) if last > first else None
