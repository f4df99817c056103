"""The numbers of a run: measured once, written to log.jsonl, and added to what TensorBoard and the others are told; and its pace."""

import math
import time
from collections import deque
from datetime import UTC, datetime

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from zhinao.train.monitor.journal import Journal
from zhinao.train.monitor.memory import peak_bytes
from zhinao.train.monitor.run_facts import RunFacts

FILE = "log.jsonl"
TRAIN, EVAL, END = "train", "eval", "end"  # kinds of lines
WINDOW = 100  # steps that the time left is judged by


class Pace:
    """How fast a run goes and how long it still takes. Pure: it is told the time, in seconds of one clock.

    A pause is what happens between steps (evaluation, sample answers, saving); it does not count as training.
    """

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


class Recorder(TrainerCallback, ExportableState):
    """Stands first: it adds its numbers to the logs that the callbacks behind it are given.

    `records`: what log.jsonl holds; `losses`: those of training in it that are numbers. Counts and seconds are kept in each
    checkpoint's trainer_state.json and taken up again from there.
    """

    def __init__(self, facts: RunFacts):
        self._counts = facts.counts
        self._journal = Journal(facts.output_dir / FILE)
        self.records: list[dict] = []
        self.losses: list[float] = []
        self.last_trained: dict = {}
        self.pace = Pace()
        self._is_on = False

    def state(self) -> dict:
        return {"args": {}, "attributes": {**vars(self._counts), "trained_seconds": self.pace.trained_seconds}}

    def on_train_begin(self, args, state, control, **kwargs):
        if state.global_step and (kept := state.stateful_callbacks.get("Recorder")):
            self._take_up(dict(kept["attributes"]))
        state.stateful_callbacks.setdefault("Recorder", self.state())  # resumed from a checkpoint of another tool
        if state.is_world_process_zero:
            self.records, self.losses = [], []
            for record in self._journal.begin(state.global_step):
                self.remember(record)
            self._is_on = True
        counts = self._counts
        self.pace.begin(state.global_step, counts.num_tokens, counts.num_supervised, time.monotonic())

    def _take_up(self, kept: dict) -> None:
        self.pace = Pace(kept.pop("trained_seconds"))
        for name, value in kept.items():
            setattr(self._counts, name, value)

    def on_step_end(self, args, state, control, **kwargs):
        self.pace.step_ended(state.global_step, time.monotonic())

    def on_log(self, args, state, control, logs, **kwargs):
        if not self._is_on:
            return
        kind = TRAIN if "loss" in logs else END if "train_runtime" in logs else EVAL
        if kind == TRAIN:
            logs.update(self._measured())
        numbers = {name: value for name, value in logs.items() if isinstance(value, int | float)}
        record = {"kind": kind, "step": state.global_step, "time": now(), **numbers}
        self.remember(record)
        self._journal.append(record)

    def remember(self, record: dict) -> None:
        """A line of the log, for those who show it."""
        self.records.append(record)
        if record["kind"] == TRAIN:
            self.last_trained = record
            if record.get("loss") is not None and math.isfinite(record["loss"]):
                self.losses.append(record["loss"])

    def _measured(self) -> dict:
        tokens, supervised = self.pace.rates(self._counts.num_tokens, self._counts.num_supervised)
        return {
            **vars(self._counts),
            "tokens_per_second": round(tokens, 2),
            "supervised_tokens_per_second": round(supervised, 2),
            "trained_seconds": round(self.pace.trained_seconds, 3),
            "peak_memory_bytes": peak_bytes(),
        }

    def pause_ended(self) -> None:
        """Told by the last callback: from here on time is training time again."""
        self.pace.pause_ended(time.monotonic())

    def on_train_end(self, args, state, control, **kwargs):
        self._is_on = False


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
