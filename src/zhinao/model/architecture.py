"""What a `config.json` says, checked and in one shape for Zhinao, Qwen2 and Llama checkpoints. Needs no torch."""

import math
from dataclasses import dataclass
from pathlib import Path

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.oserrors import cannot_read

FAMILIES = ("zhinao", "qwen2", "llama")
_ORIGINAL = "original_max_position_embeddings"
_BY_FACTOR = ("linear", "dynamic")
_BY_ORIGINAL = ("yarn", "llama3")
_DEFAULT_THETA = 10000.0  # what upstream's own model file takes where the config is silent
# What no model has: a list of the tensors of so many layers would take all memory before anybody asked the weights.
_MAX_LAYERS, _MAX_COUNT = 10_000, 2**31 - 1
_MAX_BYTES = 2**24  # of a config.json


@dataclass(frozen=True)
class Architecture:
    """Sizes of a Llama-shaped decoder. `rope_scaling` is None for plain rotary positions.

    `num_context_tokens` is what the scaled positions reach, whether config.json names it or the length before scaling.
    """

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
    def max_position_embeddings(self) -> int:
        """What a config.json says so that its readers find `num_context_tokens`.

        transformers and vLLM take it as the length before scaling under `linear` and `dynamic`, and as the scaled one else.
        """
        scaling = self.rope_scaling or {}
        is_before = scaling.get("rope_type") in _BY_FACTOR
        return round(self.num_context_tokens / _factor(scaling)) if is_before else self.num_context_tokens

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
        raw = foreign.read_json(file, _MAX_BYTES)
    except FileNotFoundError:
        raise CheckpointError(
            tr(
                f"{folder}: no config.json, so this is no model checkpoint.",
                f"{folder}：没有 config.json，不是模型目录。",
            )
        ) from None
    except OSError as error:
        raise cannot_read(file, error) from None
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
                f"{file}: model_type {foreign.shown(repr(family))} is not one of {', '.join(FAMILIES)}.",
                f"{file}：model_type 为 {foreign.shown(repr(family))}，只支持 {'、'.join(FAMILIES)}。",
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
        num_layers=get.count("num_hidden_layers", most=_MAX_LAYERS),
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=get.count("vocab_size"),
        num_context_tokens=_reached(get.count("max_position_embeddings", 2048), scaling),
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
    if isinstance(parameters, dict) and isinstance(inner := parameters.get("full_attention"), dict):
        parameters = inner  # transformers 5 may write them for each kind of layer
    if not isinstance(parameters, dict):
        get.fail("rope_scaling", parameters, tr("an object", "对象"))
    parameters = dict(parameters)
    found = [parameters.pop("rope_theta", None), raw.get("rope_theta"), _DEFAULT_THETA]
    theta = next(value for value in found if value is not None)
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if not _is_positive(theta):
        get.fail("rope_theta", theta, tr("a positive number", "正数"))
    if kind == "default":
        return float(theta), None
    if kind not in ("linear", "llama3", "yarn", "dynamic"):
        get.fail("rope_scaling.type", kind, "default, linear, dynamic, llama3, yarn")
    scaling = {**parameters, "rope_type": kind}
    if kind in _BY_ORIGINAL:
        inside = scaling.get(_ORIGINAL) or get.count("max_position_embeddings", 2048)
        scaling[_ORIGINAL] = raw.get(_ORIGINAL) or inside
    for key in ("factor", _ORIGINAL):
        value = scaling.get(key)
        may_lack = key == _ORIGINAL or kind == "yarn"  # whose factor then follows from both lengths
        if not _is_positive(value) and not (value is None and may_lack):
            get.fail(f"rope_scaling.{key}", value, tr("a positive number", "正数"))
    return float(theta), scaling


def _is_positive(value) -> bool:
    """Of numbers that a float can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < 2.0**200 and math.isfinite(value)


def _factor(scaling: dict) -> float:
    """By how much positions are stretched; never below 1, which would stretch nothing."""
    return max(scaling.get("factor") or 1.0, 1.0)


def _reached(named: int, scaling: dict | None) -> int:
    """How many tokens the positions reach where config.json names `named`.

    `linear` and `dynamic`: `named` is the length before scaling. `yarn`: the original length times the factor, which `named`
    may be already (DeepSeek) or not (Qwen2.5). `llama3`: `named`, unless that is still the original length.
    """
    if scaling is None or _factor(scaling) == 1:
        return named
    original, kind = scaling.get(_ORIGINAL) or named, scaling["rope_type"]
    if kind == "llama3" and named > original:
        return named
    return int(original * _factor(scaling))


def context_of(raw: dict) -> int | None:
    """`num_context_tokens` of a config.json that nothing else is asked of; None where it names none or names nonsense."""
    named = raw.get("max_position_embeddings")
    if not isinstance(named, int) or isinstance(named, bool) or named <= 0:
        return None
    try:
        return _reached(named, _rope(raw, _Reader(raw, Path("config.json")))[1])
    except CheckpointError:
        return named


def overrides(raw: dict) -> dict:
    """Keys that another reader of this config.json must be told to find the same context; `{}` where it does so by itself."""
    try:
        arch = from_config(raw, Path("config.json"))
    except CheckpointError:  # which the reader will name itself
        return {}
    is_same = raw.get("max_position_embeddings") == arch.max_position_embeddings
    return {} if arch.rope_scaling is None or is_same else {"max_position_embeddings": arch.max_position_embeddings}


class _Reader:
    def __init__(self, raw: dict, file: Path):
        self.raw, self.file = raw, file

    def count(self, key: str, default: int | None = None, most: int = _MAX_COUNT) -> int:
        value = self.raw.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            self.fail(key, value, tr("a positive whole number", "正整数"))
        if value > most:
            self.fail(key, value, tr(f"at most {most}", f"不超过 {most}"))
        return value

    def number(self, key: str, default: float) -> float:
        value = self.raw.get(key, default)
        if not _is_positive(value):
            self.fail(key, value, tr("a positive number", "正数"))
        return float(value)

    def fail(self, key: str, found, expected: str):
        raise CheckpointError(
            tr(
                f"{self.file}: {key} is {foreign.shown(repr(found))}; expected {expected}.",
                f"{self.file}：{key} 为 {foreign.shown(repr(found))}，应为 {expected}。",
            )
        )
