"""The most memory that one process of a run needs, as a stack, and when it needs it.

A step has four moments at one of which the peak falls; each is added up from the same terms:

* forward: the loss is computed. All 16-bit copies of weights, what layers kept, a block of the head
* backward: the last layer runs backward. What layers kept is still there, the gradient of the head's matrix too
* embedding: the first layer has run backward. All gradients, and a dense one of the embedding
* step: the optimizer runs. All gradients, its own temporaries

The head goes through the vocabulary block by block and sees supervised positions alone: logits never exist whole.
"""

from dataclasses import dataclass

from zhinao.plan import activations, sharing
from zhinao.plan.devices import GIB, Device
from zhinao.plan.workload import Batch
from zhinao.train.net.sizes import Sizes
from zhinao.train.settings.settings import TrainSettings

PARTS = ("weights", "gradients", "optimizer", "activations", "head", "framework")
VOCABULARY_BLOCK, BLOCK_ELEMENTS = 8192, 2**25  # ids and logits of a block in `linear_cross_entropy.py`
_CONTEXT = int(0.8 * GIB)  # a CUDA context, its libraries and cuBLAS' workspaces
_COMMUNICATION = int(0.7 * GIB)  # NCCL's buffers, where there is more than one GPU
_FRAGMENTATION = 0.05  # of what comes and goes, lost between the allocator's blocks


@dataclass(frozen=True)
class Stack:
    """Bytes of one process by part (`PARTS`), at one moment of a step. host: bytes it keeps in the host's memory."""

    moment: str
    parts: dict[str, int]
    host: int = 0

    @property
    def total(self) -> int:
        return sum(self.parts.values())


def peak(
    settings: TrainSettings, sizes: Sizes, batch: Batch, device: Device, num_devices: int, baseline: int = 0
) -> Stack:
    """The highest of the moments. `baseline`: on a CPU, what the process has before it loads a model."""
    return max(stacks(settings, sizes, batch, device, num_devices, baseline), key=lambda stack: stack.total)


def stacks(
    settings: TrainSettings, sizes: Sizes, batch: Batch, device: Device, num_devices: int, baseline: int = 0
) -> list[Stack]:
    """One stack for each moment."""
    terms = _Terms(settings, sizes, batch, device, sharing.of(settings, sizes, num_devices))
    return [
        _stack(moment, make(terms), terms, device, num_devices, baseline)
        for moment, make in (("forward", _forward), ("backward", _backward), ("embedding", _embedding), ("step", _step))
    ]


def _stack(moment: str, parts: dict, terms: "_Terms", device: Device, num_devices: int, baseline: int) -> Stack:
    shares = terms.shares
    parts = {**dict.fromkeys(PARTS, 0), **parts}
    parts["optimizer"] += shares.optimizer
    framework = baseline
    if not device.is_cpu:
        moving = parts["activations"] + parts["head"] + shares.gathered
        framework = _CONTEXT + (_COMMUNICATION if num_devices > 1 else 0) + int(_FRAGMENTATION * moving)
    parts["weights"] += shares.weights + shares.gathered
    parts["gradients"] += shares.buckets
    return Stack(moment, {part: int({**parts, "framework": framework}[part]) for part in PARTS}, shares.host)


class _Terms:
    """What the moments are added up from, in bytes."""

    def __init__(self, settings: TrainSettings, sizes: Sizes, batch: Batch, device: Device, shares: sharing.Shares):
        self.settings, self.sizes, self.shares, self.device = settings, sizes, shares, device
        layer = activations.of(settings, sizes, shares)
        tokens = -(-batch.num_tokens // settings.sequence_parallel_size)
        learned = -(-batch.num_supervised // settings.sequence_parallel_size)
        self.is_full = not settings.is_adapter
        self.is_checkpointed = settings.gradient_checkpointing
        num_layers, hidden, low = sizes.arch.num_layers, sizes.arch.hidden_size, shares.compute_bytes
        self.layer_kept, self.layer_working = layer.kept * tokens, layer.working * tokens
        self.kept = num_layers * (layer.input if self.is_checkpointed else layer.kept) * tokens
        self.embedding = 4 * sizes.embedding if self.is_full and not shares.is_sharded else 0
        # frozen weights in 16 bits are used as they are
        copy = low if shares.is_autocast and not settings.has_narrow_base(sizes.arch.dtype) else 0
        self.layer_copies = copy * sizes.layer_matrices
        # The last norm keeps what every norm keeps and its output goes to the head; of that the learned rows, in 16 bits too.
        self.top = 4 * hidden * tokens * (3 if self.is_full else 2) + (low + 4) * hidden * learned
        self.head_gradient = 4 * sizes.arch.vocab_size * hidden if self.is_full else 0
        self.blocks = _blocks(learned, sizes.arch.vocab_size, low, device) + (4 + low) * hidden * learned
        self.accumulated = shares.gradients if settings.gradient_accumulation_steps > 1 else 0

    @property
    def copies(self) -> int:
        """16-bit copies at the end of the forward pass. Autocast remembers those of trained weights until then; those of
        frozen ones stay where autograd needs them. The head copies block by block."""
        remembers = self.is_full or not self.is_checkpointed
        return (self.sizes.arch.num_layers if remembers else 1) * self.layer_copies

    @property
    def largest(self) -> int:
        """Bytes of the largest trained tensor in float32."""
        sizes = self.sizes
        if not self.is_full:
            return 4 * self.settings.lora_rank * sizes.arch.intermediate_size
        return 4 * max(sizes.embedding, sizes.head)


def _blocks(num_tokens: int, num_ids: int, low: int, device: Device) -> int:
    """Logits of one block of the vocabulary; on a GPU its float32 twin too (a CPU goes through it in small parts)."""
    width = min(num_ids, max(1024, min(VOCABULARY_BLOCK, BLOCK_ELEMENTS // max(num_tokens, 1))))
    return num_tokens * width * (low if device.is_cpu else low + 4)


def _forward(t: _Terms) -> dict:
    return {"weights": t.copies, "gradients": t.accumulated, "activations": t.kept, "head": t.top + t.blocks}


def _backward(t: _Terms) -> dict:
    copies = t.layer_copies * (1 if t.is_checkpointed else t.sizes.arch.num_layers)
    again = t.layer_kept if t.is_checkpointed else 0
    return {
        "weights": copies,
        "gradients": t.accumulated if t.shares.is_sharded else t.accumulated + t.head_gradient,
        "activations": t.kept + again + t.layer_working,
        "head": t.head_gradient if t.shares.is_sharded else 0,
    }


def _embedding(t: _Terms) -> dict:
    is_added = t.sizes.head == 0 or t.accumulated
    return {
        "weights": t.layer_copies,
        "gradients": t.shares.gradients + (t.embedding if is_added else 0),
        "activations": t.layer_kept + t.layer_working,
    }


def _step(t: _Terms) -> dict:
    return {"gradients": t.shares.gradients, "optimizer": _optimizer_temporaries(t)}


def _optimizer_temporaries(t: _Terms) -> int:
    """Roots of second moments: of one tensor after another on a CPU, of all at once on a GPU unless fused. DeepSpeed instead
    makes float32 gradients of its share."""
    optim = t.settings.optim
    if t.shares.is_deepspeed:
        return 4 * t.shares.num_updated if t.shares.compute_bytes < 4 else 0
    if optim.endswith("_fused") or "8bit" in optim:
        return 0
    return 2 * t.largest if t.device.is_cpu else 4 * t.shares.num_updated
