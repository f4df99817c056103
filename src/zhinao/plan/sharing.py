"""What of weights, gradients and optimizer one process keeps, by how processes share them. Knows no activations.

Bytes a parameter (P: all, T: trained; n: processes). Everywhere a trained weight exists in float32.

| way | weights | gradients | optimizer | besides |
| --- | --- | --- | --- | --- |
| one process | 4 P | 4 T | 8 T (two moments) | 16-bit copies made by autocast |
| DDP | 4 P | 4 T | 8 T | buckets of gradients 4 T |
| ZeRO-2 | 2 P | 2 T / n | 12 T / n (float32 weights, moments) | buckets |
| ZeRO-3 | 2 P / n | 2 T / n | 12 T / n | gathered layers, buckets |
| FSDP2 | 4 P / n | 4 T / n | 8 T / n | gathered layers in 16 bits |

`-offload` moves the optimizer's part (ZeRO-3: the weights too) to the host's memory. QLoRA: 4 bits and their scales (0.52
bytes) a matrix of the layers. Sources: the ZeRO paper (arXiv 1910.02054, section 3), DeepSpeed's `stage3.py` and
`stage_1_and_2.py`, torch's `fully_shard`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.net.sizes import Sizes
from zhinao.train.settings.optimizers import state_bytes
from zhinao.train.settings.settings import TrainSettings

MODES = ("ddp", "zero1", "zero2", "zero2-offload", "zero3", "zero3-offload", "fsdp2")
_QUANTIZED = 0.516  # 4 bits, one 8-bit scale for 64 weights, one 32-bit scale for 256 of those
_BUCKET = 2 * 10**8  # elements: `presets/zero2.json`; one is reduced while the next one fills


@dataclass(frozen=True)
class Shares:
    """Bytes in one process. gathered: what exists of others' weights for a moment. buckets: gradients on their way.

    compute_bytes: of one number in matrix products. is_autocast: weights stay float32 and are copied to 16 bits.
    is_sharded: weights are; is_deepspeed: it owns precision and optimizer. num_updated: parameters that this process's
    optimizer updates on the device. host: bytes in the host's memory, for this process.
    """

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    buckets: int
    host: int
    compute_bytes: int
    is_autocast: bool
    is_sharded: bool
    is_deepspeed: bool
    num_updated: int


def mode(settings: TrainSettings, num_devices: int) -> str:
    """How processes share; `single` for one without DeepSpeed. A DeepSpeed file says its stage. Raises UsageError."""
    if settings.deepspeed:
        return _of_deepspeed(Path(settings.deepspeed))
    if settings.parallel is None or (num_devices == 1 and settings.parallel in ("ddp", "fsdp2")):
        return "single" if num_devices == 1 else "ddp"
    return settings.parallel


def _of_deepspeed(file: Path) -> str:
    try:
        zero = json.loads(file.read_text(encoding="utf-8")).get("zero_optimization", {})
        stage = zero.get("stage", 0)
        offloads = any(
            (zero.get(key) or {}).get("device", "none") != "none" for key in ("offload_optimizer", "offload_param")
        )
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(
            tr(f"{file}: not a DeepSpeed configuration ({error}).", f"{file}：不是 DeepSpeed 配置（{error}）。")
        ) from None
    if stage not in (0, 1, 2, 3):
        raise UsageError(tr(f"{file}: stage is {stage!r}; 0 to 3.", f"{file}：stage 为 {stage!r}，应为 0 到 3。"))
    if stage == 0:
        return "ddp"
    return f"zero{stage}-offload" if offloads and stage > 1 else f"zero{stage}"


def of(settings: TrainSettings, sizes: Sizes, num_devices: int) -> Shares:
    """What one of `num_devices` processes keeps all the time."""
    how, n = mode(settings, num_devices), num_devices
    is_low = bool(settings.bf16 or settings.fp16)
    trained = sizes.trainable(settings.is_adapter)
    frozen = sizes.total if settings.is_adapter else 0
    low = 2 if is_low else 4
    moments = state_bytes(settings.optim)
    if how.startswith("zero"):
        return _zero(how, sizes, trained, frozen, low, moments, n)
    frozen_bytes = _frozen(settings, sizes, low) if frozen else 0
    if how == "fsdp2":
        layer = sizes.layer + sizes.adapter_layer
        root = sizes.embedding + sizes.head
        return Shares(
            weights=int((4 * trained + frozen_bytes) / n),
            gradients=4 * trained // n,
            optimizer=int(moments * trained / n),
            gathered=low * (2 * layer + root),
            buckets=4 * (layer if not frozen else sizes.adapter_layer),
            host=0,
            compute_bytes=low,
            is_autocast=False,
            is_sharded=True,
            is_deepspeed=False,
            num_updated=trained // n,
        )
    return Shares(
        weights=int(4 * trained + frozen_bytes),
        gradients=4 * trained,
        optimizer=int(moments * trained),
        gathered=0,
        buckets=4 * trained if how == "ddp" else 0,
        host=0,
        compute_bytes=low,
        is_autocast=is_low,
        is_sharded=False,
        is_deepspeed=False,
        num_updated=trained,
    )


def _frozen(settings: TrainSettings, sizes: Sizes, low: int) -> float:
    """Bytes of the weights under adapters: float32, but in the layers 4 bits, or 16 where the checkpoint has those."""
    matrices = sizes.arch.num_layers * sizes.layer_matrices
    of_one = 4
    if settings.method == "qlora":
        of_one = _QUANTIZED
    elif settings.has_narrow_base(sizes.arch.dtype):
        of_one = low
    return of_one * matrices + 4 * (sizes.total - matrices)


def _zero(how: str, sizes: Sizes, trained: int, frozen: int, low: int, moments: float, n: int) -> Shares:
    stage, offloads = int(how[4]), how.endswith("offload")
    master = 4 if low == 2 else 0  # float32 weights are their own master
    optimizer = int((master + moments) * trained / n)
    weights = low * (trained + frozen) // (n if stage == 3 else 1)
    gradients = low * trained // (n if stage >= 2 else 1)
    bucket = sizes.arch.hidden_size**2 if stage == 3 else _BUCKET  # transformers sets stage 3's
    buckets = 2 * low * min(bucket, trained)
    gathered = low * (2 * sizes.layer + max(sizes.embedding, sizes.head)) if stage == 3 else 0
    host = 0
    if offloads:
        host = optimizer + 4 * trained // n + (weights if stage == 3 else 0)  # float32 gradients lie there too
        optimizer, weights = 0, (0 if stage == 3 else weights)
        gradients = 0
    return Shares(
        weights=weights,
        gradients=gradients,
        optimizer=optimizer,
        gathered=gathered,
        buckets=buckets,
        host=host,
        compute_bytes=low,
        is_autocast=False,
        is_sharded=stage == 3,
        is_deepspeed=True,
        num_updated=0 if offloads else trained // n,
    )
