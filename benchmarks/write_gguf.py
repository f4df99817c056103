"""A checkpoint as GGUF without tokenizer, so that llama.cpp can be timed on the same weights.

    python benchmarks/write_gguf.py FOLDER OUT.gguf --type q8_0|bf16

A model with q/k/v biases becomes `qwen2`; one without (all zero) becomes `llama`, whose q and k rows llama.cpp wants
interleaved. For measurements only: a file for use needs its tokenizer as well.
"""

import argparse
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from zhinao.hub.gguf import gguf_name
from zhinao.model.checkpoint import Checkpoint, to_bf16, to_float32

TYPES = {"q8_0": GGMLQuantizationType.Q8_0, "bf16": GGMLQuantizationType.BF16}


def interleave(rows: np.ndarray, num_heads: int) -> np.ndarray:
    """NeoX halves of each head as neighbouring pairs."""
    halves = rows.reshape(num_heads, 2, -1, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def write(folder: Path, out: Path, kind: str) -> None:
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
    args = parser.parse_args()
    write(args.folder, args.out, args.type)
