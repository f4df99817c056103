"""Rotary frequencies equal transformers' own for every kind of scaling; missing keys are named."""

from pathlib import Path

import numpy as np
import pytest

from zhinao.errors import CheckpointError
from zhinao.model import architecture
from zhinao.model.openvino import rope

CONFIG = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 8,
    "vocab_size": 10,
    "max_position_embeddings": 4096,
    "rope_theta": 500000.0,
}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 512}
SCALINGS = [
    None,
    {"type": "linear", "factor": 2.5},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "llama3", **LLAMA3},
    {"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512},
    {"type": "yarn", "factor": 8.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "truncate": False, "beta_fast": 16},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "attention_factor": 1.25},
    {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 1024,
        "mscale": 0.7,
        "mscale_all_dim": 1.1,
    },
]


def frequencies(scaling):
    arch = architecture.from_config({**CONFIG, "rope_scaling": scaling}, Path("config.json"))
    return rope.inverse_frequencies(arch, Path("config.json"))


@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_equal_to_transformers(scaling):
    pytest.importorskip("torch")
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    rotary = LlamaRotaryEmbedding(LlamaConfig(**{**CONFIG, "rope_scaling": scaling}))
    mine, factor = frequencies(scaling)
    assert mine.dtype == np.float32 and mine.shape == (32,)
    np.testing.assert_allclose(mine, rotary.inv_freq.numpy(), rtol=2e-6)
    assert factor == pytest.approx(rotary.attention_scaling)


@pytest.mark.parametrize(
    ("scaling", "key"),
    [
        ({"type": "linear"}, "factor"),
        ({"type": "linear", "factor": -2}, "factor"),
        ({"rope_type": "llama3", **LLAMA3, "low_freq_factor": None}, "low_freq_factor"),
        ({"rope_type": "yarn", "factor": "8"}, "factor"),
    ],
)
def test_bad_keys_are_named(scaling, key):
    with pytest.raises(CheckpointError, match=rf"config\.json: rope_scaling\.{key}"):
        frequencies(scaling)


@pytest.mark.parametrize(("scaling", "positions"), [(None, 4096), ({"type": "linear", "factor": 2}, 8192),
                                                    ({"type": "dynamic", "factor": 2}, 4096),
                                                    ({"type": "yarn", "factor": 4}, 16384)])  # fmt: skip
def test_positions_that_the_frequencies_are_good_for(scaling, positions):
    """`dynamic` frequencies change with the prompt, which a graph that stands cannot do: it ends where they begin to."""
    arch = architecture.from_config({**CONFIG, "rope_scaling": scaling}, Path("config.json"))
    assert rope.num_positions(arch) == positions
