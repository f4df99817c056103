"""The numbers of a run: measured once, written to log.jsonl, and added to what TensorBoard and the others are told."""

import math
import time
from datetime import UTC, datetime

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from zhinao.train.monitor.facts import RunFacts
from zhinao.train.monitor.journal import Journal
from zhinao.train.monitor.memory import peak_bytes
from zhinao.train.monitor.pace import Pace

FILE = "log.jsonl"
TRAIN, EVAL, END = "train", "eval", "end"  # kinds of lines


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
