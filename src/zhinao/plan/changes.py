"""What would make a plan fit: changes are tried, alone and together, and the cheapest that fit are named.

Only combinations of which no part alone would do are kept. Cheapest: the fewest device hours, those first that learn the same.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Move:
    """One change. kind: of which only one is tried at a time. flag: how it is written on the command line.

    is_same: what is learned stays the same (up to rounding).
    """

    kind: str
    flag: str
    settings: TrainSettings
    num_devices: int
    is_same: bool = True


@dataclass(frozen=True)
class Change:
    """Moves made together, and the plan that comes of them (whatever `trial` gives)."""

    flags: tuple[str, ...]
    kinds: frozenset[str]
    is_same: bool
    plan: Any

    @property
    def text(self) -> str:
        words = " ".join(self.flags)
        return words if self.is_same else words + tr("  (learns something else)", "（训练内容有变）")


def cheapest(
    settings: TrainSettings,
    num_devices: int,
    has_gpu: bool,
    trial: Callable[[TrainSettings, int], Any],
    num: int = 3,
) -> list[Change]:
    """The `num` cheapest changes after which `trial(settings, num_devices)` fits.

    `trial` gives something with `fits`, and `device_seconds` to compare by, or None where settings go not together.
    """
    found: list[Change] = []
    kinds = _moves(settings, num_devices, has_gpu)
    for size in (1, 2, 3, 4):
        for chosen in itertools.combinations(kinds, size):
            for moves in itertools.product(*(kinds[kind] for kind in chosen)):
                if any(set(change.flags) <= {move.flag for move in moves} for change in found):
                    continue
                together, devices = _together(settings, num_devices, moves)
                plan = trial(together, devices)
                if plan is not None and plan.fits:
                    flags = tuple(move.flag for move in moves)
                    found.append(Change(flags, frozenset(chosen), all(m.is_same for m in moves), plan))
        if len({change.kinds for change in found}) >= num:
            break
    found.sort(key=lambda change: (not change.is_same, change.plan.device_seconds, len(change.flags)))
    return _different(found, num)


def _different(changes: list[Change], num: int) -> list[Change]:
    """The first of each set of kinds, so that three ways are three and not one in three sizes."""
    result, seen = [], set()
    for change in changes:
        if change.kinds not in seen:
            seen.add(change.kinds)
            result.append(change)
    return result[:num]


def _together(settings: TrainSettings, num_devices: int, moves) -> tuple[TrainSettings, int]:
    result, devices = settings, num_devices
    for move in moves:
        changed = {
            name: getattr(move.settings, name)
            for name in settings.__dataclass_fields__
            if getattr(move.settings, name) != getattr(settings, name)
        }
        result = replace(result, **changed)
        devices = max(devices, move.num_devices)
    return result, devices


def _moves(settings: TrainSettings, num_devices: int, has_gpu: bool) -> dict[str, list[Move]]:
    """By kind; a kind without a move is left out."""
    kinds = {
        "checkpointing": _checkpointing(settings, num_devices),
        "precision": _precision(settings, num_devices, has_gpu),
        "batch": _batch(settings, num_devices),
        "optimizer": _optimizer(settings, num_devices, has_gpu),
        "sharing": _sharing(settings, num_devices, has_gpu),
        "devices": _devices(settings, num_devices) if has_gpu else [],
        "method": _method(settings, num_devices, has_gpu),
        "length": _length(settings, num_devices),
    }
    return {kind: moves for kind, moves in kinds.items() if moves}


def _checkpointing(settings, n) -> list[Move]:
    if settings.gradient_checkpointing:
        return []
    return [Move("checkpointing", "--gradient_checkpointing True", replace(settings, gradient_checkpointing=True), n)]


def _precision(settings, n, has_gpu) -> list[Move]:
    if settings.bf16 or settings.fp16 or not has_gpu:
        return []
    return [Move("precision", "--bf16 True", replace(settings, bf16=True), n)]


def _batch(settings, n) -> list[Move]:
    """Smaller batches, as many more of them to a step."""
    size, moves = settings.per_device_train_batch_size, []
    while size > 1:
        size = next(d for d in range(size - 1, 0, -1) if settings.per_device_train_batch_size % d == 0)
        more = settings.gradient_accumulation_steps * (settings.per_device_train_batch_size // size)
        changed = replace(settings, per_device_train_batch_size=size, gradient_accumulation_steps=more)
        flag = f"--per_device_train_batch_size {size} --gradient_accumulation_steps {more}"
        moves.append(Move("batch", flag, changed, n))
    return moves


def _optimizer(settings, n, has_gpu) -> list[Move]:
    if not has_gpu or settings.deepspeed or (settings.parallel or "").startswith("zero"):
        return []
    names = [name for name in ("adamw_torch_fused", "adamw_bnb_8bit") if name != settings.optim]
    return [Move("optimizer", f"--optim {name}", replace(settings, optim=name), n) for name in names]


def _sharing(settings, n, has_gpu) -> list[Move]:
    if not has_gpu:
        return []
    names = ("zero2", "fsdp2", "zero3", "zero2-offload", "zero3-offload")
    return [
        Move("sharing", f"--parallel {name}", replace(settings, parallel=name, deepspeed=None), n)
        for name in names
        if name != settings.parallel
    ]


def _devices(settings, n) -> list[Move]:
    return [Move("devices", f"--num_gpus {more}", settings, more) for more in (2, 4, 8, 16, 32) if more > n][:4]


def _method(settings, n, has_gpu) -> list[Move]:
    names = ["lora", "qlora"] if has_gpu else ["lora"]
    names = names[names.index(settings.method) + 1 :] if settings.method in names else names
    names = [name for name in names if settings.method != "qlora"]
    return [Move("method", f"--method {name}", replace(settings, method=name), n, is_same=False) for name in names]


def _length(settings, n) -> list[Move]:
    lengths = [settings.model_max_length // part for part in (2, 4, 8)]
    return [
        Move("length", f"--model_max_length {length}", replace(settings, model_max_length=length), n, is_same=False)
        for length in lengths
        if length >= 256
    ]
