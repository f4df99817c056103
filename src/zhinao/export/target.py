"""What a converted checkpoint says about itself: `config.json` and `generation_config.json`, and what cannot be said.

Refuses what the target's readers would drop or misread; nothing is lost silently. Writes no weights.
"""

from pathlib import Path

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint

CLASSES = {"qwen2": "Qwen2ForCausalLM", "zhinao": "ZhinaoForCausalLM"}
# Remote code, the place where somebody once kept it, and switches of Llama that the target does not have.
_DROPPED = ("auto_map", "_name_or_path", "attention_bias", "mlp_bias", "pretraining_tp")
_ROPE_TYPES = ("linear", "dynamic", "yarn")
_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}


def check(checkpoint: Checkpoint, to: str) -> None:
    """Raise CheckpointError where `to` (`qwen2` or `zhinao`) cannot hold this model."""
    arch, file = checkpoint.architecture, checkpoint.folder / "config.json"
    if arch.has_o_bias:
        raise _cannot(file, to, "attention_bias", tr("a bias on o_proj", "o_proj 上的偏置"))
    if arch.has_mlp_bias:
        raise _cannot(file, to, "mlp_bias", tr("biases in the MLP", "MLP 中的偏置"))
    kind = (arch.rope_scaling or {}).get("rope_type")
    if kind and kind not in _ROPE_TYPES:
        raise _cannot(file, to, "rope_scaling", tr(f"rotary scaling of type {kind}", f"类型为 {kind} 的旋转位置缩放"))
    if to == "qwen2" and arch.head_dim * arch.num_heads != arch.hidden_size:
        what = f"head_dim {arch.head_dim} ≠ {arch.hidden_size} / {arch.num_heads}"
        raise _cannot(file, to, "head_dim", what)
    if set(arch.raw.get("layer_types") or ()) - {"full_attention"}:
        raise _cannot(file, to, "layer_types", tr("layers without full attention", "非全注意力层"))
    _check_tied_head(checkpoint)


def _cannot(file: Path, to: str, key: str, what: str) -> CheckpointError:
    return CheckpointError(
        tr(
            f"{file}: {key}: the {to} layout has no place for {what}; readers would drop it and give other numbers.",
            f"{file}：{key}：{to} 格式无法表示{what}；读取方会将其丢弃，结果随之改变。",
        ),
        tr("this model cannot be converted; run it as it is", "该模型无法转换，请直接使用原格式"),
    )


def _check_tied_head(checkpoint: Checkpoint) -> None:
    """A tied model whose file also has a head: readers differ in which they take, so both must be the same."""
    head = checkpoint.stored.get("lm_head.weight")
    if not checkpoint.architecture.is_tied or head is None:
        return
    table = checkpoint.stored["model.embed_tokens.weight"]
    same = (head.dtype, head.shape) == (table.dtype, table.shape)
    rows = range(0, table.shape[0], 4096)
    if not same or any((head.map()[n : n + 4096] != table.map()[n : n + 4096]).any() for n in rows):
        raise CheckpointError(
            tr(
                f"{head.file}: lm_head.weight differs from the embedding, yet config.json says tie_word_embeddings.",
                f"{head.file}：lm_head.weight 与词嵌入不同，而 config.json 声明 tie_word_embeddings。",
            ),
            tr("set tie_word_embeddings to false, or remove lm_head.weight", "请改为 false，或删除 lm_head.weight"),
        )


def config(checkpoint: Checkpoint, to: str) -> dict:
    """`config.json` of the converted checkpoint: the source's keys, with every value that readers default differently."""
    arch = checkpoint.architecture
    kept = {key: value for key, value in arch.raw.items() if key not in _DROPPED}
    stored = _DTYPES.get(checkpoint.stored["model.embed_tokens.weight"].dtype, "float32")
    made = {
        **kept,
        "architectures": [CLASSES[to]],
        "model_type": to,
        "hidden_act": "silu",
        "num_key_value_heads": arch.num_kv_heads,
        "max_position_embeddings": arch.max_position_embeddings,
        "rms_norm_eps": arch.rms_norm_eps,
        "tie_word_embeddings": arch.is_tied,
        "torch_dtype": arch.raw.get("torch_dtype") or arch.raw.get("dtype") or stored,
        **_rope(arch.rope_theta, arch.rope_scaling),
    }
    return {**made, "use_sliding_window": False} if to == "qwen2" else made


def _rope(theta: float, scaling: dict | None) -> dict:
    """Both spellings: `rope_theta` and `rope_scaling` (every reader), `rope_parameters` (transformers 5 and later)."""
    theta = int(theta) if theta.is_integer() else theta
    legacy = {**scaling, "type": scaling["rope_type"]} if scaling else None
    return {
        "rope_theta": theta,
        "rope_scaling": legacy,
        "rope_parameters": {"rope_theta": theta, "rope_type": "default", **(scaling or {})},
    }


def generation_config(folder: Path, stop_ids: tuple[int, ...], pad_id: int | None, sampling: dict) -> dict:
    """`generation_config.json`: the source's own keys, all stop tokens, padding, and the sampling defaults.

    `sampling` stands only where the source's file says nothing about sampling.
    """
    file = folder / "generation_config.json"
    try:
        raw = foreign.read_json(file) if file.exists() else {}
        if not isinstance(raw, dict):
            raise ValueError(tr("it must be a JSON object", "必须是 JSON 对象"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            tr(f"{file}: not valid JSON ({error}).", f"{file}：不是有效的 JSON（{error}）。")
        ) from None
    made = {key: value for key, value in raw.items() if key != "transformers_version"}
    if stop_ids:
        made["eos_token_id"] = list(stop_ids)
    if pad_id is not None:
        made["pad_token_id"] = pad_id
    if sampling and not raw.keys() & {"do_sample", *sampling}:
        made = {**sampling, **made, "do_sample": True}
    return made
