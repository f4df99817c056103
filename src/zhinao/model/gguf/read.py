"""A GGUF file rewritten as a Zhinao checkpoint: fused q/k/v, bf16 where the file is quantised, its tokenizer beside it.

One tensor at a time. Does not run models and does not write GGUF. What cannot be carried over exactly is refused.
"""

import json
from pathlib import Path

import numpy as np

from zhinao.files import check_free_space, write_json
from zhinao.lang import tr
from zhinao.model import architecture, qkv
from zhinao.model.architecture import Architecture
from zhinao.model.checkpoint import NUMPY_TYPES, ShardWriter
from zhinao.model.gguf import tokenizer as gguf_tokenizer
from zhinao.model.gguf.file import GgufFile

_TORCH_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# names after `model.layers.N.` -> names after `blk.N.`
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def rewrite(file: Path, out: Path, on_bytes=None) -> None:
    """Write the checkpoint of `file` into the existing folder `out`.

    `on_bytes(done, total)` is told about the weights as they are written. Raises CheckpointError, DiskError.
    """
    source = GgufFile(file)
    tokenizer = gguf_tokenizer.convert(source)
    config = _config(source, tokenizer)
    arch = architecture.from_config(config, out / "config.json")
    _check_tensors(source, arch)
    dtype = next(name for name, torch_name in _TORCH_NAMES.items() if torch_name == config["torch_dtype"])
    plan = [(name, dtype, shape) for name, shape in arch.tensor_shapes(is_fused=True).items()]
    writer = ShardWriter(out, plan)
    check_free_space(out, writer.num_bytes)
    done = 0
    for name, _, _ in plan:
        array = _tensor(source, arch, name, dtype)
        writer.write(name, array)
        done += array.nbytes
        if on_bytes:
            on_bytes(done, writer.num_bytes)
    writer.finish()
    write_json(out / "config.json", config)
    for name, content in tokenizer.files.items():
        if isinstance(content, str):
            (out / name).write_text(content, encoding="utf-8")
        else:  # compact: a vocabulary of 150 thousand entries is no reading matter
            (out / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _config(source: GgufFile, tokenizer: gguf_tokenizer.Converted) -> dict:
    get = source.get
    heads, hidden = source.count("attention.head_count"), source.count("embedding_length")
    head_dim = source.count("attention.key_length", max(1, hidden // heads))
    if get("rope.dimension_count", head_dim) != head_dim:
        source.refuse(tr("only a part of each head is rotated", "每个头只有部分维度参与旋转"))
    return {
        "architectures": ["ZhinaoForCausalLM"],
        "model_type": "zhinao",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("attention.head_count_kv", heads),
        **({} if head_dim * heads == hidden else {"head_dim": head_dim}),
        "max_position_embeddings": get("context_length"),
        "rms_norm_eps": float(f"{source.number('attention.layer_norm_rms_epsilon'):.6g}"),  # stored as float32
        "rope_theta": source.number("rope.freq_base", 10000.0),
        "rope_scaling": _rope_scaling(source),
        "vocab_size": _num_rows(source),
        "tie_word_embeddings": "output.weight" not in source.tensors,
        "torch_dtype": _TORCH_NAMES[_dtype(source)],
        **tokenizer.special_ids,
    }


def _num_rows(source: GgufFile) -> int:
    """Of the embedding; it may be padded beyond the vocabulary, but not fall short of it."""
    num_tokens = len(source.metadata["tokenizer.ggml.tokens"])
    embedding = source.tensors.get("token_embd.weight")
    num_rows = int(embedding.shape[-1]) if embedding is not None else num_tokens
    if num_rows < num_tokens:
        source.refuse(
            tr(
                f"token_embd.weight has {num_rows} rows for {num_tokens} tokens",
                f"token_embd.weight 只有 {num_rows} 行，而词表有 {num_tokens} 个 token",
            )
        )
    return num_rows


def _rope_scaling(source: GgufFile) -> dict | None:
    if "rope_freqs.weight" in source.tensors:
        source.refuse(
            tr(
                "it scales each rotary frequency apart (rope_freqs.weight)",
                "它对每个旋转频率分别缩放（rope_freqs.weight）",
            )
        )
    kind = source.metadata.get(f"{source.family}.rope.scaling.type", "none")
    if kind == "none":
        return None
    scaling = {"rope_type": kind, "factor": source.number("rope.scaling.factor")}
    if kind == "yarn":
        scaling["original_max_position_embeddings"] = source.get("rope.scaling.original_context_length")
    elif kind != "linear":
        source.refuse(tr(f"its rope scaling {kind!r} is not known", f"不支持其 rope scaling：{kind!r}"))
    return scaling


def _dtype(source: GgufFile) -> str:
    """The type of the whole checkpoint, by its matrices: kept where they agree, bf16 where any is quantised."""
    kinds = {t.tensor_type.name for t in source.tensors.values() if len(t.shape) > 1}
    if kinds - _TORCH_NAMES.keys():
        return "BF16"
    return kinds.pop() if len(kinds) == 1 else "F32"


def gguf_name(name: str) -> str:
    """`model.layers.3.mlp.up_proj.weight` -> `blk.3.ffn_up.weight`."""
    stem, _, kind = name.rpartition(".")
    if stem in _TOP:
        return f"{_TOP[stem]}.{kind}"
    number, _, part = stem.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{_LAYER[part]}.{kind}"


def _check_tensors(source: GgufFile, arch: Architecture) -> None:
    """Every tensor of the architecture with its shape, and none besides."""
    shapes = {gguf_name(name): (name, shape) for name, shape in arch.tensor_shapes(is_fused=False).items()}
    for stored, (name, shape) in shapes.items():
        tensor = source.tensors.get(stored)
        if tensor is None:
            if name.endswith("_proj.bias"):  # a model without q/k/v biases is one whose biases are zero
                continue
            source.refuse(tr(f"{stored} is missing", f"缺少 {stored}"))
        found = tuple(int(n) for n in reversed(tensor.shape))
        if found != shape:
            source.refuse(
                tr(f"{stored} has shape {found}, expected {shape}", f"{stored} 的形状为 {found}，应为 {shape}")
            )
    if unknown := sorted(source.tensors.keys() - shapes.keys()):
        source.refuse(
            tr(f"unknown tensor {unknown[0]} ({len(unknown)} in all)", f"未知张量 {unknown[0]}（共 {len(unknown)} 个）")
        )


def _tensor(source: GgufFile, arch: Architecture, name: str, dtype: str) -> np.ndarray:
    """One tensor of the fused layout, in `dtype` (bf16 as uint16)."""
    if f".{qkv.FUSED}." not in name:
        return source.read(gguf_name(name), dtype)
    q, k, v = (_read_qkv(source, arch, part, dtype) for part in qkv.split_names(name))
    return qkv.fuse(q, k, v, arch.num_queries_per_kv, arch.head_dim)


def _read_qkv(source: GgufFile, arch: Architecture, name: str, dtype: str) -> np.ndarray:
    stored = gguf_name(name)
    heads = arch.num_heads if ".q_proj." in name else arch.num_kv_heads
    if stored not in source.tensors:
        return np.zeros(heads * arch.head_dim, NUMPY_TYPES[dtype])
    rows = source.read(stored, dtype)
    if source.family == "llama" and ".v_proj." not in name:
        return _unpermute(rows, heads)
    return rows


def _unpermute(rows: np.ndarray, num_heads: int) -> np.ndarray:
    """From interleaved rotary pairs (ggml's order for Llama) back to halves. rows: `(num_heads * head_dim, ...)`."""
    rest = rows.shape[1:]
    return rows.reshape(num_heads, -1, 2, *rest).swapaxes(1, 2).reshape(-1, *rest)
