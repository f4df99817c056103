"""What a run reads: documents' lengths as rows, micro batches and steps. Knows neither models nor devices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Batch:
    """What one device reads at once: documents end to end, without padding."""

    lengths: tuple[int, ...]
    num_supervised: int

    @property
    def num_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def num_pairs(self) -> int:
        """Pairs of positions that attention computes: each document with itself, the later half masked."""
        return sum(length * length for length in self.lengths) // 2


@dataclass(frozen=True)
class Workload:
    """One epoch. `heaviest`: the most that can come together in one micro batch, by which memory is planned.

    heaviest_documents: their places in the data. is_assumed: there was no data; every row is full and wholly trained.
    """

    num_documents: int
    num_tokens: int
    num_supervised: int
    num_pairs: int
    num_rows: int
    heaviest: Batch
    heaviest_documents: tuple[int, ...] = ()
    is_assumed: bool = False

    def num_steps(self, settings: TrainSettings, num_devices: int) -> int:
        """Optimizer steps of the whole run."""
        if settings.max_steps > 0:
            return settings.max_steps
        rows = settings.per_device_train_batch_size * num_devices
        batches = math.ceil(self.num_rows / rows)
        return math.ceil(math.ceil(batches / settings.gradient_accumulation_steps) * settings.num_train_epochs)

    def num_epochs(self, settings: TrainSettings, num_devices: int) -> float:
        if settings.max_steps <= 0:
            return settings.num_train_epochs
        rows = settings.per_device_train_batch_size * num_devices * settings.gradient_accumulation_steps
        return settings.max_steps * rows / self.num_rows


def of(
    rows: Sequence[Sequence[int]],
    lengths: Sequence[int] | np.ndarray,
    num_supervised: Sequence[int] | np.ndarray,
    settings: TrainSettings,
) -> Workload:
    """`rows`: which documents share a row, by their places in `lengths` and `num_supervised` (tokens)."""
    lengths, supervised = np.asarray(lengths, np.int64), np.asarray(num_supervised, np.int64)
    chosen = _heaviest(rows, lengths, supervised, settings.per_device_train_batch_size)
    every = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return Workload(
        num_documents=len(every),
        num_tokens=int(lengths[every].sum()),
        num_supervised=int(supervised[every].sum()),
        num_pairs=int((lengths[every] ** 2).sum()) // 2,
        num_rows=len(rows),
        heaviest=Batch(tuple(lengths[chosen].tolist()), int(supervised[chosen].sum())),
        heaviest_documents=tuple(chosen),
    )


def _heaviest(rows, lengths, supervised, num_rows: int) -> list[int]:
    """The documents of the longest rows; of rows equally long, those with more to learn."""
    weight = [(int(lengths[row].sum()), int(supervised[row].sum())) for row in rows]
    order = sorted(range(len(rows)), key=weight.__getitem__, reverse=True)[:num_rows]
    return [int(place) for row in order for place in rows[row]]


def full(settings: TrainSettings) -> Workload:
    """Without data: rows as long as the limit, all of it learned; one row an epoch, so that it says nothing about hours."""
    length, num_rows = settings.model_max_length, settings.per_device_train_batch_size
    return Workload(
        num_documents=1,
        num_tokens=length,
        num_supervised=length,
        num_pairs=length * length // 2,
        num_rows=1,
        heaviest=Batch((length,) * num_rows, length * num_rows),
        is_assumed=True,
    )
