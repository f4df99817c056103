"""What a `config.json` says, checked and in one shape for Zhinao, Qwen2 and Llama checkpoints. Needs no torch."""

import json
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import CheckpointError
from zhinao.lang import tr

FAMILIES = ("zhinao", "qwen2", "llama")
_DEFAULT_THETA = 10000.0  # what upstream's own model file takes where the config is silent


@dataclass(frozen=True)
class Architecture:
    """Sizes of a Llama-shaped decoder. `rope_scaling` is None for plain rotary positions."""

    family: str
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    vocab_size: int
    num_context_tokens: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: dict | None
    is_tied: bool
    has_qkv_bias: bool
    has_o_bias: bool
    has_mlp_bias: bool
    dtype: str
    raw: dict  # the whole config.json, unknown keys included

    @property
    def num_queries_per_kv(self) -> int:
        return self.num_heads // self.num_kv_heads

    def tensor_shapes(self, is_fused: bool) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every tensor that a checkpoint of this architecture must hold."""
        h, d = self.hidden_size, self.head_dim
        q, kv = self.num_heads * d, self.num_kv_heads * d
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocab_size, h)}
        attention = [("qkv_proj", q + 2 * kv)] if is_fused else [("q_proj", q), ("k_proj", kv), ("v_proj", kv)]
        mlp = (
            ("gate_proj", (self.intermediate_size, h)),
            ("up_proj", (self.intermediate_size, h)),
            ("down_proj", (h, self.intermediate_size)),
        )
        for n in range(self.num_layers):
            layer = f"model.layers.{n}."
            for name, rows in attention:
                shapes[f"{layer}self_attn.{name}.weight"] = (rows, h)
                if self.has_qkv_bias:
                    shapes[f"{layer}self_attn.{name}.bias"] = (rows,)
            shapes[f"{layer}self_attn.o_proj.weight"] = (h, q)
            if self.has_o_bias:
                shapes[f"{layer}self_attn.o_proj.bias"] = (h,)
            for name, shape in mlp:
                shapes[f"{layer}mlp.{name}.weight"] = shape
                if self.has_mlp_bias:
                    shapes[f"{layer}mlp.{name}.bias"] = shape[:1]
            shapes[f"{layer}input_layernorm.weight"] = (h,)
            shapes[f"{layer}post_attention_layernorm.weight"] = (h,)
        shapes["model.norm.weight"] = (h,)
        if not self.is_tied:
            shapes["lm_head.weight"] = (self.vocab_size, h)
        return shapes


def read(folder: Path) -> Architecture:
    """The architecture of a checkpoint folder. Raises CheckpointError naming the file and the key."""
    file = folder / "config.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            tr(
                f"{folder}: no config.json, so this is no model checkpoint.",
                f"{folder}：没有 config.json，不是模型目录。",
            )
        ) from None
    except OSError as error:
        raise CheckpointError(
            tr(f"{file}: cannot be read ({error.strerror}).", f"{file}：无法读取（{error.strerror}）。")
        ) from None
    except ValueError as error:  # JSON or UTF-8
        raise CheckpointError(
            tr(f"{file}: not valid JSON ({error}).", f"{file}：不是有效的 JSON（{error}）。")
        ) from None
    if not isinstance(raw, dict):
        raise CheckpointError(tr(f"{file}: must be a JSON object.", f"{file}：必须是 JSON 对象。"))
    return from_config(raw, file)


def from_config(raw: dict, file: Path) -> Architecture:
    """Check a parsed config. `file` is only named in errors."""
    family = raw.get("model_type")
    if family not in FAMILIES:
        raise CheckpointError(
            tr(
                f"{file}: model_type {family!r} is not one of {', '.join(FAMILIES)}.",
                f"{file}：model_type 为 {family!r}，只支持 {'、'.join(FAMILIES)}。",
            )
        )
    get = _Reader(raw, file)
    if (act := raw.get("hidden_act", "silu")) != "silu":
        get.fail("hidden_act", act, "silu")
    if raw.get("use_sliding_window"):
        get.fail("use_sliding_window", True, "false")
    heads = get.count("num_attention_heads")
    kv_heads = get.count("num_key_value_heads", heads)
    hidden = get.count("hidden_size")
    if heads % kv_heads:
        get.fail(
            "num_key_value_heads",
            kv_heads,
            tr(f"a divisor of num_attention_heads = {heads}", f"num_attention_heads = {heads} 的约数"),
        )
    if raw.get("head_dim") is None and hidden % heads:
        get.fail(
            "hidden_size",
            hidden,
            tr(f"a multiple of num_attention_heads = {heads}", f"num_attention_heads = {heads} 的倍数"),
        )
    head_dim = get.count("head_dim", hidden // heads)
    if head_dim % 2:
        get.fail(
            "head_dim",
            head_dim,
            tr("an even number (rotary positions turn two halves)", "偶数（旋转位置编码需要两半）"),
        )
    theta, scaling = _rope(raw, get)
    return Architecture(
        family=family,
        hidden_size=hidden,
        intermediate_size=get.count("intermediate_size"),
        num_layers=get.count("num_hidden_layers"),
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=get.count("vocab_size"),
        num_context_tokens=get.count("max_position_embeddings", 2048),
        rms_norm_eps=get.number("rms_norm_eps", 1e-6),
        rope_theta=theta,
        rope_scaling=scaling,
        is_tied=bool(raw.get("tie_word_embeddings", False)),
        has_qkv_bias=family in ("zhinao", "qwen2") or bool(raw.get("attention_bias")),
        has_o_bias=family == "llama" and bool(raw.get("attention_bias")),
        has_mlp_bias=family == "llama" and bool(raw.get("mlp_bias")),
        dtype=raw.get("torch_dtype") or raw.get("dtype") or "float32",
        raw=raw,
    )


def _rope(raw: dict, get: "_Reader") -> tuple[float, dict | None]:
    """Base and scaling, from the old keys (`rope_theta`, `rope_scaling`) or transformers 5's `rope_parameters`."""
    parameters = raw.get("rope_scaling") or raw.get("rope_parameters") or {}
    if not isinstance(parameters, dict):
        get.fail("rope_scaling", parameters, tr("an object", "对象"))
    parameters = dict(parameters)
    found = [parameters.pop("rope_theta", None), raw.get("rope_theta"), _DEFAULT_THETA]
    theta = next(value for value in found if value is not None)
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if not isinstance(theta, int | float) or theta <= 0:
        get.fail("rope_theta", theta, tr("a positive number", "正数"))
    if kind == "default":
        return float(theta), None
    if kind not in ("linear", "llama3", "yarn", "dynamic"):
        get.fail("rope_scaling.type", kind, "default, linear, dynamic, llama3, yarn")
    return float(theta), {**parameters, "rope_type": kind}


class _Reader:
    def __init__(self, raw: dict, file: Path):
        self.raw, self.file = raw, file

    def count(self, key: str, default: int | None = None) -> int:
        value = self.raw.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            self.fail(key, value, tr("a positive whole number", "正整数"))
        return value

    def number(self, key: str, default: float) -> float:
        value = self.raw.get(key, default)
        if not isinstance(value, int | float) or value <= 0:
            self.fail(key, value, tr("a positive number", "正数"))
        return float(value)

    def fail(self, key: str, found, expected: str):
        raise CheckpointError(
            tr(
                f"{self.file}: {key} is {found!r}; expected {expected}.",
                f"{self.file}：{key} 为 {found!r}，应为 {expected}。",
            )
        )
