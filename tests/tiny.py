"""Random checkpoints of a few kilobytes, in each layout, made with numpy alone."""

import json
from pathlib import Path

import numpy as np

from zhinao.model import architecture
from zhinao.model.checkpoint import ShardWriter, to_bf16

SIZES = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 320,
    "max_position_embeddings": 256,
}


def make_checkpoint(
    folder: Path,
    family: str = "zhinao",
    *,
    seed: int = 0,
    dtype: str = "F32",
    is_tied: bool = False,
    is_fused: bool | None = None,
    max_shard_bytes: int = 10**9,
    scale: float = 0.5,
    **config,
) -> Path:
    """Write a random checkpoint. `config` overrides or adds keys of config.json; `scale` sets how sharp its logits are."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = {
        "model_type": family,
        "architectures": [
            {"zhinao": "ZhinaoForCausalLM", "qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}[family]
        ],
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "tie_word_embeddings": is_tied,
        "torch_dtype": {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}[dtype],
        **SIZES,
        **config,
    }
    (folder / "config.json").write_text(json.dumps(raw, indent=2))
    arch = architecture.from_config(raw, folder / "config.json")
    shapes = arch.tensor_shapes(family == "zhinao" if is_fused is None else is_fused)
    writer = ShardWriter(folder, [(name, dtype, shape) for name, shape in shapes.items()], max_shard_bytes)
    random = np.random.default_rng(seed)
    for name, shape in shapes.items():
        values = random.standard_normal(shape, dtype=np.float32)
        values = 1 + 0.1 * values if "norm" in name else values * scale * (1 if len(shape) == 1 else shape[1] ** -0.5)
        if "embed" in name:
            values *= shape[1] ** 0.5
        writer.write(
            name, {"F32": np.float32, "F16": np.float16}[dtype](values) if dtype != "BF16" else to_bf16(values)
        )
    writer.finish()
    return folder
