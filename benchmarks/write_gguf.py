"""A checkpoint as GGUF, so that llama.cpp can be timed on the same weights.

    python benchmarks/write_gguf.py FOLDER OUT.gguf --type q8_0|bf16 [--tokenizer]

A model with q/k/v biases becomes `qwen2`; one without (all zero) becomes `llama`, whose q and k rows llama.cpp wants
interleaved. `--tokenizer` writes the folder's tokenizer and chat template too, which a server needs; only those kinds
that `zhinao.model.gguf.tokenizer` reads. For measurements only.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize

from zhinao.model.checkpoint import Checkpoint, to_bf16, to_float32
from zhinao.model.gguf import tokenizer
from zhinao.model.gguf.read import gguf_name

TYPES = {"q8_0": GGMLQuantizationType.Q8_0, "bf16": GGMLQuantizationType.BF16}


def interleave(rows: np.ndarray, num_heads: int) -> np.ndarray:
    """NeoX halves of each head as neighbouring pairs."""
    halves = rows.reshape(num_heads, 2, -1, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def add_tokenizer(writer: GGUFWriter, folder: Path, vocab_size: int) -> None:
    """Byte-level BPE out of tokenizer.json. Ids that no token has become unused ones."""
    raw = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    steps = raw["pre_tokenizer"].get("pretokenizers", [raw["pre_tokenizer"]])
    known = {json.dumps(kind): name for name, kind in tokenizer.PRE_TOKENIZERS.items()}
    tokens = [f"[unused {number}]" for number in range(vocab_size)]
    types = [TokenType.UNUSED] * vocab_size
    for token, number in raw["model"]["vocab"].items():
        tokens[number], types[number] = token, TokenType.NORMAL
    for added in raw["added_tokens"]:
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        tokens[added["id"]], types[added["id"]] = added["content"], kind
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in raw["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(known[json.dumps(steps)])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    special = json.loads((folder / "config.json").read_text("utf-8"))
    writer.add_bos_token_id(special["bos_token_id"])
    writer.add_eos_token_id(special["eos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text("utf-8"))


def write(folder: Path, out: Path, kind: str, has_tokenizer: bool = False) -> None:
    checkpoint = Checkpoint(folder)
    arch = checkpoint.architecture
    biases = [name for name in checkpoint.names() if name.endswith("_proj.bias")]
    has_bias = any(checkpoint.read(name).any() for name in biases)
    writer = GGUFWriter(out, "qwen2" if has_bias else "llama")
    writer.add_context_length(arch.num_context_tokens)
    writer.add_embedding_length(arch.hidden_size)
    writer.add_block_count(arch.num_layers)
    writer.add_feed_forward_length(arch.intermediate_size)
    writer.add_head_count(arch.num_heads)
    writer.add_head_count_kv(arch.num_kv_heads)
    writer.add_rope_dimension_count(arch.head_dim)
    writer.add_rope_freq_base(arch.rope_theta)
    writer.add_layer_norm_rms_eps(arch.rms_norm_eps)
    writer.add_vocab_size(arch.vocab_size)
    if has_tokenizer:
        add_tokenizer(writer, folder, arch.vocab_size)
    else:
        writer.add_tokenizer_model("none")
    for name in checkpoint.names():
        if name in biases and not has_bias:
            continue
        array = to_float32(checkpoint.read(name), checkpoint.dtype(name))
        heads = {"q_proj": arch.num_heads, "k_proj": arch.num_kv_heads}.get(name.split(".")[-2])
        if heads and not has_bias:
            array = interleave(array, heads)
        if array.ndim == 1:
            writer.add_tensor(gguf_name(name), array)
        elif kind == "bf16":
            writer.add_tensor(gguf_name(name), to_bf16(array).view(np.uint8), raw_dtype=TYPES[kind])
        else:
            writer.add_tensor(gguf_name(name), quantize(array, TYPES[kind]), raw_dtype=TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=TYPES, required=True)
    parser.add_argument("--tokenizer", action="store_true")
    args = parser.parse_args()
    write(args.folder, args.out, args.type, args.tokenizer)
