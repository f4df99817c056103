"""An independent float32 forward of the fused on-disk weights, from the written description of the format.

Shares no code with the package: numpy, and safetensors' own reader.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def reference_logits(folder: Path, ids: list[int]) -> np.ndarray:
    """Logits `(T, V)` of one sequence."""
    config = json.loads((folder / "config.json").read_text())
    w = {}
    for file in folder.glob("*.safetensors"):
        w |= load_file(file)
    heads, kv_heads, hidden = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "hidden_size"))
    d = config.get("head_dim") or hidden // heads
    group = heads // kv_heads
    eps = config["rms_norm_eps"]
    cos, sin = rotary(len(ids), d, config.get("rope_theta", 10000.0))
    x = w["model.embed_tokens.weight"][ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        y = norm(x, w[p + "input_layernorm.weight"], eps)
        fused = y @ w[p + "self_attn.qkv_proj.weight"].T + w[p + "self_attn.qkv_proj.bias"]
        fused = fused.reshape(len(ids), kv_heads, group + 2, d)
        attended = np.empty((len(ids), heads, d), np.float32)
        for k in range(kv_heads):
            key, value = turn(fused[:, k, group], cos, sin), fused[:, k, group + 1]
            for q in range(group):
                attended[:, k * group + q] = attend(turn(fused[:, k, q], cos, sin), key, value)
        x = x + attended.reshape(len(ids), heads * d) @ w[p + "self_attn.o_proj.weight"].T
        y = norm(x, w[p + "post_attention_layernorm.weight"], eps)
        gate = y @ w[p + "mlp.gate_proj.weight"].T
        y = gate / (1 + np.exp(-gate)) * (y @ w[p + "mlp.up_proj.weight"].T)
        x = x + y @ w[p + "mlp.down_proj.weight"].T
    head = w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
    return norm(x, w["model.norm.weight"], eps) @ head.T


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(eps)) * weight


def rotary(length, d, theta):
    frequencies = (1.0 / theta ** (np.arange(0, d, 2, dtype=np.float32) / d)).astype(np.float32)
    angles = np.arange(length, dtype=np.float32)[:, None] * frequencies
    return np.cos(np.concatenate([angles, angles], 1)), np.sin(np.concatenate([angles, angles], 1))


def turn(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + np.concatenate([-x[:, half:], x[:, :half]], 1) * sin


def attend(q, k, v):
    scores = q @ k.T / np.float32(np.sqrt(q.shape[-1]))
    scores = np.where(np.tri(len(q), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v
