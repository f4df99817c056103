"""How long a step and a run take, by floating-point operations, bytes moved and bytes sent. Estimates, not promises.

Operations a token: 2 for each matrix weight forward, 2 for the gradient of its input, 2 for its own where it is trained; forward
once more with checkpointing. Attention: 4 A for each pair of positions of a document forward (A: width of all heads), 2.5 times
that backward. The head: for supervised tokens alone, its forward pass twice (block by block), and both gradients.
What is sent overlaps with computing; what the optimizer moves does not.
"""

from dataclasses import dataclass

from zhinao.plan import sharing
from zhinao.plan.devices import Device
from zhinao.plan.workload import Workload
from zhinao.train.net.sizes import Sizes
from zhinao.train.settings.settings import TrainSettings

_NODE = 8  # devices that share a fast link
_BETWEEN_NODES = 50e9  # bytes a second and device beyond: one 400 Gbit/s card each
_HOST_LINK = 25e9  # PCIe 4, as reached
_HOST_MEMORY = 100e9  # a server's memory as one process of AdamW reaches it
_QUANTIZED_SLOWDOWN = 1.3  # 4-bit weights are unpacked for every product


@dataclass(frozen=True)
class Pace:
    """Of one step over all devices, and of the run. num_tokens: read a step, on average. hours: None without data. source: where
    the speed comes from, `estimated`, `given` or `measured`."""

    seconds: float
    num_tokens: float
    num_steps: int
    hours: float | None
    source: str = "estimated"

    @property
    def tokens_per_second(self) -> float:
        return self.num_tokens / self.seconds


def of(
    settings: TrainSettings,
    sizes: Sizes,
    work: Workload,
    device: Device,
    num_devices: int,
    tokens_per_second: float | None = None,
    source: str = "estimated",
) -> Pace:
    """`tokens_per_second`: of all devices, from the `source`; then nothing about speed is estimated."""
    epochs, num_steps = work.num_epochs(settings, num_devices), work.num_steps(settings, num_devices)
    num_tokens = work.num_tokens * epochs / num_steps
    if tokens_per_second:
        seconds = num_tokens / tokens_per_second
    else:
        computing = flops(settings, sizes, work) * epochs / num_steps / _speed(settings, device) / num_devices
        seconds = max(computing, _sent(settings, sizes, num_devices) / _link(device, num_devices))
        seconds += _updating(settings, sizes, device, num_devices)
    hours = None if work.is_assumed else num_steps * seconds / 3600
    return Pace(seconds, num_tokens, num_steps, hours, source)


def flops(settings: TrainSettings, sizes: Sizes, work: Workload) -> float:
    """Floating-point operations of one epoch."""
    arch, again = sizes.arch, 1 if settings.gradient_checkpointing else 0
    passes = 1 + again + 1 + (0 if settings.is_adapter else 1)
    layers = arch.num_layers * 2 * sizes.layer_matrices * work.num_tokens * passes
    layers += arch.num_layers * 2 * sizes.adapter_layer * work.num_tokens * (3 + again)
    attention = arch.num_layers * 4 * arch.num_heads * arch.head_dim * work.num_pairs * (3.5 + again)
    head = 2 * arch.vocab_size * arch.hidden_size * work.num_supervised * (3 if settings.is_adapter else 4)
    return layers + attention + head


def _speed(settings: TrainSettings, device: Device) -> float:
    """Operations a second that are reached."""
    low = bool(settings.bf16 or settings.fp16) or device.is_cpu
    tflops = device.tflops if low else device.tflops / 8  # float32 without tensor cores, or TF32
    return tflops * 1e12 * device.efficiency / (_QUANTIZED_SLOWDOWN if settings.method == "qlora" else 1)


def _link(device: Device, num_devices: int) -> float:
    return 0.7 * (device.link if num_devices <= _NODE else min(device.link, _BETWEEN_NODES))


def _sent(settings: TrainSettings, sizes: Sizes, num_devices: int) -> float:
    """Bytes that one device sends in a step."""
    if num_devices == 1:
        return 0
    how, batches = sharing.mode(settings, num_devices), settings.gradient_accumulation_steps
    trained, low = sizes.trainable(settings.is_adapter), 2 if settings.bf16 or settings.fp16 else 4
    if how.startswith("zero3") or how == "fsdp2":  # weights gathered twice, gradients scattered, for every batch
        return low * (2 * sizes.total + trained) * batches
    if how.startswith("zero2"):
        return low * trained * (batches + 1)
    return 2 * 4 * trained


def _updating(settings: TrainSettings, sizes: Sizes, device: Device, num_devices: int) -> float:
    """Seconds of the optimizer: weights, gradients and moments read and written once; over the host's link with offload."""
    how, trained = sharing.mode(settings, num_devices), sizes.trainable(settings.is_adapter)
    here = trained / (num_devices if how not in ("single", "ddp") else 1)
    if not how.endswith("offload"):
        return 28 * here / device.bandwidth
    moved = 4 * here * settings.gradient_accumulation_steps + (2 * 2 * here if how.startswith("zero3") else 0)
    return moved / _HOST_LINK + 28 * trained / _HOST_MEMORY
