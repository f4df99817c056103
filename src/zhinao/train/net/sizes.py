"""How many parameters a model has, by what a training run does with them. Needs config.json, or only a released name."""

from dataclasses import dataclass, replace
from pathlib import Path

from zhinao import family, foreign
from zhinao.errors import ModelNotFoundError, UsageError
from zhinao.hub import cache
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.architecture import Architecture

# What the released models are where no config.json is at hand: `checkpoint.md` of the project's notes and the defaults of the
# configuration class; the second and third generation share keys and values between four heads.
_RELEASED = {
    "model_type": "zhinao",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 158464,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
_FIRST_GENERATION = "360Zhinao-7B"


@dataclass(frozen=True)
class Sizes:
    """Numbers of parameters. `layer_matrices` and `layer_vectors`: of one layer, multiplied with, and norms and biases.

    embedding: the input embedding. head: the output embedding; 0 where it is the same matrix.
    adapter: of all low-rank adapters together; `adapter_layer`: of one layer's. is_assumed: no config.json was at hand.
    """

    arch: Architecture
    layer_matrices: int
    layer_vectors: int
    embedding: int
    head: int
    adapter_layer: int = 0
    is_assumed: bool = False

    @property
    def layer(self) -> int:
        return self.layer_matrices + self.layer_vectors

    @property
    def total(self) -> int:
        """All parameters of the model, without adapters."""
        return self.arch.num_layers * self.layer + self.embedding + self.head + self.arch.hidden_size

    @property
    def matrices(self) -> int:
        """Parameters that are multiplied with, the head among them: what is cast to 16 bits."""
        return self.arch.num_layers * self.layer_matrices + (self.head or self.embedding)

    @property
    def adapter(self) -> int:
        return self.arch.num_layers * self.adapter_layer

    def trainable(self, is_adapter: bool) -> int:
        return self.adapter if is_adapter else self.total


def of(arch: Architecture, is_assumed: bool = False) -> Sizes:
    """Counted from the tensors' shapes."""
    matrices = vectors = 0
    shapes = arch.tensor_shapes(is_fused=False)
    for name, shape in shapes.items():
        if name.startswith("model.layers.0."):
            if len(shape) == 2:
                matrices += shape[0] * shape[1]
            else:
                vectors += shape[0]
    embedding = arch.vocab_size * arch.hidden_size
    return Sizes(arch, matrices, vectors, embedding, 0 if arch.is_tied else embedding, is_assumed=is_assumed)


def projections(arch: Architecture) -> dict[str, tuple[int, int]]:
    """Name -> (inputs, outputs) of the seven projections of a layer."""
    shapes, start, end = arch.tensor_shapes(is_fused=False), "model.layers.0.", "_proj.weight"
    return {
        name.split(".")[-2]: (shape[1], shape[0])
        for name, shape in shapes.items()
        if name.startswith(start) and name.endswith(end)
    }


def with_adapters(sizes: Sizes, targets: tuple[str, ...], rank: int, is_dora: bool = False) -> Sizes:
    """`sizes` with low-rank adapters on `targets`; DoRA adds one magnitude for each output."""
    known = projections(sizes.arch)
    if unknown := [name for name in targets if name not in known]:
        raise UsageError(
            tr(f"--lora_targets: the model has no {unknown[0]}.", f"--lora_targets：模型中没有 {unknown[0]}。"),
            " ".join(known),
        )
    one = sum(rank * sum(known[name]) + (known[name][1] if is_dora else 0) for name in targets)
    return replace(sizes, adapter_layer=one)


def find(model: str) -> Sizes:
    """What MODEL is made of: its config.json in a folder or in the cache, else what is known of a released name.

    MODEL may also be the path of a config.json. Downloads nothing. Raises ModelNotFoundError, CheckpointError.
    """
    place = Path(model).expanduser()
    if place.is_file() and place.suffix == ".json":
        return of(architecture.from_config(_json(place), place))
    if (here := folder(model)) is not None:
        return of(architecture.read(here))
    release = family.find(model)
    if release is None or "360Zhinao" not in release.hub_id:
        raise ModelNotFoundError(
            tr(f"{model}: its config.json is not here.", f"{model}：本机没有它的 config.json。"),
            tr(f"zhinao pull {model}, or the path of a config.json", f"zhinao pull {model}，或给出 config.json 的路径"),
        )
    raw = dict(_RELEASED)
    if _FIRST_GENERATION in release.hub_id:
        raw["num_key_value_heads"] = raw["num_attention_heads"]
    return of(architecture.from_config(raw, Path(model)), is_assumed=True)


def folder(model: str) -> Path | None:
    """The folder of MODEL where it is on this machine already."""
    place = Path(model).expanduser()
    if place.is_dir():
        return place
    release = family.find(model)
    names = [release.short if release else model, model]
    return next((cache.path(name) for name in names if cache.is_kept(name)), None)


def _json(file: Path) -> dict:
    try:
        found = foreign.read_json(file)
        if not isinstance(found, dict):
            raise ValueError(tr("it must be a JSON object", "必须是 JSON 对象"))
        return found
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(tr(f"{file}: cannot be read ({error}).", f"{file}：无法读取（{error}）。")) from None
