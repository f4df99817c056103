"""Small GGUF files written with the `gguf` package, from random weights in the split layout."""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LETTERS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
CORPUS = [
    "Hello world, it's 2024 and 100 dogs!",
    "def f(x):\n    return x + 1\n\n",
    "你好，世界！今天是 3 月 15 日。",
    "naïve café 😀",
] * 20
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SIZES = {"hidden": 64, "inner": 96, "layers": 2, "heads": 4, "kv_heads": 2}


def reference_tokenizer(pre: str) -> Tokenizer:
    """A byte-level BPE trained on the spot with the pre-tokenizer that the name `pre` stands for."""
    from tokenizers import Regex

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre in ("smollm", "gpt-2"))
    first = {
        "smollm": [pre_tokenizers.Digits(individual_digits=True)],
        "gpt-2": [],
        "qwen2": [pre_tokenizers.Split(Regex(LETTERS % ""), "isolated")],
        "llama-bpe": [pre_tokenizers.Split(Regex(LETTERS % "{1,3}"), "isolated")],
    }[pre]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*first, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def random_weights(sizes: dict = SIZES, num_tokens: int = 400, has_bias: bool = False, seed: int = 0) -> dict:
    """Split-layout names -> float32 arrays whose values bf16 and f16 hold exactly."""
    random = np.random.default_rng(seed)
    h, inner, d = sizes["hidden"], sizes["inner"], sizes["hidden"] // sizes["heads"]
    kv = sizes["kv_heads"] * d
    shapes = {"model.embed_tokens.weight": (num_tokens, h), "model.norm.weight": (h,)}
    for n in range(sizes["layers"]):
        p = f"model.layers.{n}."
        for name, rows in (("q", h), ("k", kv), ("v", kv)):
            shapes[f"{p}self_attn.{name}_proj.weight"] = (rows, h)
            if has_bias:
                shapes[f"{p}self_attn.{name}_proj.bias"] = (rows,)
        shapes |= {
            f"{p}self_attn.o_proj.weight": (h, h),
            f"{p}mlp.gate_proj.weight": (inner, h),
            f"{p}mlp.up_proj.weight": (inner, h),
            f"{p}mlp.down_proj.weight": (h, inner),
            f"{p}input_layernorm.weight": (h,),
            f"{p}post_attention_layernorm.weight": (h,),
        }
    return {name: random.integers(-100, 100, shape).astype(np.float32) / 128 for name, shape in shapes.items()}


def _permuted(array: np.ndarray, heads: int) -> np.ndarray:
    """ggml's order for Llama: the two halves of each head are interleaved."""
    halves = array.reshape(heads, 2, array.shape[0] // heads // 2, -1)
    return np.stack([halves[:, 0], halves[:, 1]], axis=2).reshape(array.shape)


def write_gguf(
    file: Path,
    *,
    family: str = "llama",
    kind: Kind = Kind.F32,
    pre: str = "smollm",
    weights: dict | None = None,
    sizes: dict = SIZES,
    metadata: dict | None = None,
    extra: dict | None = None,
    tokenizer: Tokenizer | None = None,
) -> Path:
    """`metadata` overrides string keys, `extra` adds tensors."""
    weights = weights or random_weights(sizes)
    writer = gguf.GGUFWriter(file, family)
    writer.add_block_count(sizes["layers"])
    writer.add_context_length(128)
    writer.add_embedding_length(sizes["hidden"])
    writer.add_feed_forward_length(sizes["inner"])
    writer.add_head_count(sizes["heads"])
    writer.add_head_count_kv(sizes["kv_heads"])
    writer.add_rope_freq_base(50000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    _write_tokenizer(writer, tokenizer or reference_tokenizer(pre), pre, metadata or {})
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, sizes["layers"])
    for name, array in weights.items():
        heads = sizes["heads"] if ".q_proj." in name else sizes["kv_heads"]
        if family == "llama" and (".q_proj." in name or ".k_proj." in name):
            array = _permuted(array, heads)
        stem, _, suffix = name.rpartition(".")
        used = kind if array.ndim > 1 else Kind.F32
        writer.add_tensor(f"{names.get_name(stem)}.{suffix}", gguf.quants.quantize(array, used), raw_dtype=used)
    for name, array in (extra or {}).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _write_tokenizer(writer, tokenizer: Tokenizer, pre: str, metadata: dict) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model(metadata.get("tokenizer.ggml.model", "gpt2"))
    writer.add_tokenizer_pre(metadata.get("tokenizer.ggml.pre", pre))
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(pre == "llama-bpe")
    writer.add_chat_template("{{ messages[0]['content'] }}")
    for key, value in metadata.items():
        if key not in ("tokenizer.ggml.model", "tokenizer.ggml.pre"):
            {str: writer.add_string, int: writer.add_uint32, float: writer.add_float32}[type(value)](key, value)
