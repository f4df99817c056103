"""What one layer keeps for its backward pass, and what it needs besides while it runs, in bytes a token.

Counted from what autograd saves in Qwen2's layer as transformers writes it; a test compares with autograd itself. With
H hidden size, I intermediate size, A = heads * head size, K = kv heads * head size, c bytes of a number in products:

* both norms: their input in float32 (4 H), and the normalised values where the norm's weight is trained
* inputs of projections, once for each projection where autocast copies them, once for all where nothing is copied
* attention by documents: q, k, v, output, one log-sum a head; never a T x T matrix
* MLP: what goes into silu, what comes out of it, its partner, and their product
* adapters: the 16-bit copy of each projection's input, and the `rank` numbers between the two small matrices

With checkpointing a layer keeps its input alone, and one layer at a time has all of the above while it is run again.
"""

from dataclasses import dataclass

from zhinao.plan.sharing import Shares
from zhinao.train.net.sizes import Sizes, projections
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class LayerBytes:
    """Bytes a token. `kept`: by autograd, for the backward pass. `input`: the layer's input. `working`: the most that is
    there besides while the layer runs backward."""

    kept: int
    input: int
    working: int


def of(settings: TrainSettings, sizes: Sizes, shares: Shares) -> LayerBytes:
    arch, c = sizes.arch, shares.compute_bytes
    hidden, inner = arch.hidden_size, arch.intermediate_size
    queries, keys = arch.num_heads * arch.head_dim, arch.num_kv_heads * arch.head_dim
    residual = 4 if shares.is_autocast else c
    trained = not settings.is_adapter
    norm = 4 * hidden + 4 + (residual * hidden if trained else 0)
    attention = c * (2 * queries + 2 * keys) + 4 * arch.num_heads
    inputs = _inputs(settings, sizes, shares)
    mlp = 3 * c * inner
    kept = 2 * norm + attention + inputs + mlp
    working = c * 4 * inner + (residual + c + 4) * hidden
    return LayerBytes(kept=kept, input=residual * hidden, working=working)


def _inputs(settings: TrainSettings, sizes: Sizes, shares: Shares) -> int:
    """What is kept of the projections' inputs."""
    widths = {name: size[0] for name, size in projections(sizes.arch).items()}
    c, groups = (
        shares.compute_bytes,
        (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",)),
    )
    used = set(settings.lora_targets) if settings.is_adapter else set(widths)
    total = 0
    for group in groups:
        hit = [name for name in group if name in used]
        copies = len(hit) if shares.is_autocast else bool(hit)
        total += c * widths[group[0]] * copies
    if settings.is_adapter:
        total += c * settings.lora_rank * len(used)
        if settings.lora_dropout:
            total += sum((1 + 4) * widths[name] for name in used)  # the mask, and the thinned input
    return total
