"""A plan: one run on one kind of device, with its memory, its pace and its verdict. Puts together what the other files know."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from zhinao.data.store.packing import best_fit
from zhinao.errors import UsageError
from zhinao.plan import memory, pace
from zhinao.plan import workload as workloads
from zhinao.plan.devices import Device
from zhinao.plan.memory import Stack
from zhinao.plan.pace import Pace
from zhinao.plan.workload import Workload
from zhinao.train.net import sizes as sizes_of
from zhinao.train.net.sizes import Sizes
from zhinao.train.settings import precision
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Data:
    """Tokens and trained tokens of each document, `rows` of those that share one; None: no data, rows are full."""

    lengths: np.ndarray | None = None
    num_supervised: np.ndarray | None = None
    rows: list[list[int]] | None = None
    _known: dict = field(default_factory=dict, compare=False)

    def under(self, settings: TrainSettings) -> Workload:
        """The work that `settings` make of it. A smaller limit than the data were read with cuts documents to it."""
        if self.lengths is None or self.num_supervised is None:
            return workloads.full(settings)
        key = (settings.model_max_length, settings.per_device_train_batch_size, settings.is_concat)
        if key not in self._known:
            lengths = np.minimum(self.lengths, settings.model_max_length)
            supervised = np.minimum(self.num_supervised, lengths)
            self._known[key] = workloads.of(self._rows(settings, lengths), lengths, supervised, settings)
        return self._known[key]

    def _rows(self, settings: TrainSettings, lengths: np.ndarray) -> list[list[int]]:
        rows = self.rows or []
        if not settings.is_concat or (lengths == self.lengths).all():
            return rows
        chosen = np.concatenate([np.asarray(row, np.int64) for row in rows])
        packs = best_fit(lengths[chosen], settings.model_max_length, settings.seed)
        return [[int(chosen[place]) for place in pack] for pack in packs]


@dataclass(frozen=True)
class Plan:
    """capacity: bytes that one process may take. corrected: measured bytes at the peak, where three steps were run."""

    settings: TrainSettings
    sizes: Sizes
    work: Workload
    device: Device
    num_devices: int
    capacity: int
    stack: Stack
    pace: Pace
    corrected: int | None = None

    @property
    def needed(self) -> int:
        return self.stack.total if self.corrected is None else self.corrected

    @property
    def left(self) -> float:
        """The share of the memory that is not needed; below 0 where it does not fit."""
        return 1 - self.needed / self.capacity

    @property
    def fits(self) -> bool:
        return self.left >= 0

    @property
    def device_seconds(self) -> float:
        """Time of all devices for the data once; for one token where there are no data."""
        tokens = 1 if self.work.is_assumed else self.work.num_tokens
        return tokens * self.num_devices / self.pace.tokens_per_second


def make(
    settings: TrainSettings,
    sizes: Sizes,
    data: Data,
    device: Device,
    num_devices: int,
    *,
    tokens_per_second: float | None = None,
    baseline: int = 0,
    measured=None,
) -> Plan:
    """The plan for `num_devices` of `device`. `sizes` are of the model alone; adapters are added as the settings say.

    `tokens_per_second`: of all devices, where somebody knows; `measured` (`measure.Measured`) is of these very settings. Raises UsageError for settings that do not go together.
    """
    settings = decided(settings, device)
    if settings.is_adapter:
        sizes = sizes_of.with_adapters(sizes, settings.lora_targets, settings.lora_rank, settings.method == "dora")
    work = data.under(settings)
    speed = (tokens_per_second, "given") if tokens_per_second else (None, "estimated")
    if measured is not None:
        speed = (measured.tokens_per_second * num_devices, "measured")
    return Plan(
        settings=settings,
        sizes=sizes,
        work=work,
        device=device,
        num_devices=num_devices,
        capacity=device.memory // (num_devices if device.is_cpu else 1),
        stack=memory.peak(settings, sizes, work.heaviest, device, num_devices, baseline),
        pace=pace.of(settings, sizes, work, device, num_devices, *speed),
        corrected=None if measured is None else measured.peak_bytes,
    )


def decided(settings: TrainSettings, device: Device) -> TrainSettings:
    """The precision that a run would choose on `device`."""
    settings = replace(settings, use_cpu=device.is_cpu)
    return replace(settings, bf16=precision.bf16(settings, has_gpu_bf16=True))


def trial(plan: Plan, data: Data, baseline: int) -> Callable[[TrainSettings, int], Plan | None]:
    """What `changes.cheapest` tries with: the same model, data and kind of device under other settings."""
    bare = replace(plan.sizes, adapter_layer=0)
    # A measurement moves estimates of other settings as far as it moved this one.
    factor = 1.0 if plan.corrected is None else plan.corrected / plan.stack.total

    def attempt(settings: TrainSettings, num_devices: int) -> Plan | None:
        try:
            is_new = settings.parallel != plan.settings.parallel
            if is_new and num_devices == 1 and settings.parallel in ("ddp", "zero2", "zero3", "fsdp2"):
                return None  # nobody to share with
            other = make(settings, bare, data, plan.device, num_devices, baseline=baseline)
        except UsageError:
            return None
        return replace(other, corrected=round(other.stack.total * factor)) if factor != 1.0 else other

    return attempt
