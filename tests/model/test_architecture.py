"""`config.json`: what is read from it, what is refused, and the tensors that follow from it."""

import json
import math
from pathlib import Path

import pytest

from tests.tiny import SIZES
from zhinao.errors import CheckpointError
from zhinao.model import architecture

FILE = Path("somewhere/config.json")


def read(family="zhinao", **keys):
    return architecture.from_config({"model_type": family, **SIZES, **keys}, FILE)


def test_what_is_derived():
    arch = read()
    assert (arch.head_dim, arch.num_queries_per_kv) == (8, 3)
    assert (arch.rope_theta, arch.rope_scaling) == (10000.0, None)
    assert arch.has_qkv_bias and not arch.has_o_bias and not arch.has_mlp_bias and not arch.is_tied
    assert read(head_dim=16).head_dim == 16
    assert read(num_key_value_heads=None).num_kv_heads == 6


@pytest.mark.parametrize(
    "keys, theta, scaling",
    [
        ({"rope_theta": 5e5}, 5e5, None),
        ({"rope_theta": None}, 1e4, None),
        ({"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}, 1e6, None),
        ({"rope_theta": 2e4, "rope_scaling": {"type": "linear", "factor": 2.0}}, 2e4, "linear"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 7.0}}, 7.0, "yarn"),
    ],
)
def test_rope_in_old_and_new_spelling(keys, theta, scaling):
    arch = read(**keys)
    assert arch.rope_theta == theta
    assert (arch.rope_scaling or {}).get("rope_type") == scaling


YARN = {"type": "yarn", "factor": 4, "original_max_position_embeddings": 8192}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


@pytest.mark.parametrize(
    ("named", "keys", "reached"),
    [
        (8192, {"rope_scaling": YARN}, 32768),
        (8192, {"rope_scaling": {"type": "yarn", "factor": 4}}, 32768),
        (32768, {"rope_scaling": YARN}, 32768),  # already the scaled length
        (10240, {"rope_scaling": YARN}, 32768),  # more than the trained one, as Qwen3's
        (32768, {"rope_scaling": {**YARN, "original_max_position_embeddings": 32768}}, 131072),  # Qwen2.5's card
        (8192, {"rope_parameters": {**YARN, "rope_type": "yarn", "rope_theta": 1e6}}, 32768),
        (8192, {"rope_parameters": {"full_attention": {**YARN, "rope_type": "yarn"}}}, 32768),
        (32768, {"rope_scaling": {"type": "yarn", "factor": 4}, "original_max_position_embeddings": 8192}, 32768),
        (32768, {"rope_scaling": {**YARN, "factor": None}}, 32768),
        (8192, {"rope_scaling": {"type": "linear", "factor": 2}}, 16384),
        (8192, {"rope_scaling": {"type": "linear", "factor": 2.5}}, 20480),
        (16384, {"rope_scaling": {"type": "linear", "factor": 2, "original_max_position_embeddings": 8192}}, 16384),
        (8192, {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, 16384),
        (131072, {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": 8192}}, 131072),  # Llama 3.1
        (8192, {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": 8192}}, 65536),
        (40960, {"rope_scaling": {**YARN, "factor": 1}}, 40960),
        (8192, {"rope_scaling": None}, 8192),
        (8192, {"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}}, 8192),
    ],
)
def test_the_context_is_what_the_scaling_gives(named, keys, reached):
    raw = {"model_type": "qwen2", **SIZES, "max_position_embeddings": named, **keys}
    arch = architecture.from_config(raw, FILE)
    assert arch.num_context_tokens == architecture.context_of(raw) == reached
    told = architecture.overrides(raw)
    assert (told.get("max_position_embeddings") or named) == arch.max_position_embeddings
    again = architecture.from_config({**raw, **told, "rope_scaling": arch.rope_scaling}, FILE)
    assert (again.num_context_tokens, architecture.overrides(again.raw)) == (reached, {})


def test_a_context_that_nothing_else_is_asked_of():
    assert architecture.context_of({"model_type": "mamba", "max_position_embeddings": 99}) == 99
    assert architecture.context_of({"max_position_embeddings": 99, "rope_scaling": {"type": "spiral"}}) == 99
    assert [architecture.context_of({"max_position_embeddings": v}) for v in (None, "9", True, 0)] == [None] * 4
    assert architecture.overrides({"model_type": "mamba"}) == {}


@pytest.mark.parametrize(
    "keys, word",
    [
        ({"family": "mamba"}, "model_type"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": "48"}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": 50}, "hidden_size"),
        ({"num_key_value_heads": 4}, "num_key_value_heads"),
        ({"head_dim": 7}, "head_dim"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"rope_theta": 0}, "rope_theta"),
        ({"rope_theta": "big"}, "rope_theta"),
        ({"rope_scaling": [1]}, "rope_scaling"),
        ({"rope_scaling": {"type": "longrope"}}, "rope_scaling"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling.factor"),
        ({"rope_scaling": {"type": "dynamic", "factor": True}}, "rope_scaling.factor"),
        (
            {"rope_scaling": {"type": "yarn", "factor": 2, "original_max_position_embeddings": "8k"}},
            "rope_scaling.orig",
        ),
        ({"rms_norm_eps": -1}, "rms_norm_eps"),
        ({"vocab_size": 1.5}, "vocab_size"),
    ],
)
def test_refused_with_file_and_key(keys, word):
    with pytest.raises(CheckpointError) as error:
        read(**keys)
    assert str(FILE) in str(error.value) and word in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', b"\xff\xfe"])
def test_bad_json_is_a_sentence(tmp_path, content):
    file = tmp_path / "config.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError, match=r"config\.json"):
        architecture.read(tmp_path)


def test_no_config_and_no_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        architecture.read(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be read"):
        architecture.read(tmp_path / "file")


def test_unknown_keys_are_kept(tmp_path):
    raw = {"model_type": "zhinao", **SIZES, "use_flash_attn": "auto", "auto_map": {"AutoConfig": "a.B"}}
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert architecture.read(tmp_path).raw == raw


def test_fused_shapes():
    shapes = read(head_dim=16).tensor_shapes(is_fused=True)
    assert shapes["model.layers.1.self_attn.qkv_proj.weight"] == (160, 48)
    assert shapes["model.layers.1.self_attn.qkv_proj.bias"] == (160,)
    assert shapes["model.layers.0.self_attn.o_proj.weight"] == (48, 96)
    assert shapes["lm_head.weight"] == (320, 48)
    assert len(shapes) == 3 + 2 * 8


def test_split_shapes_of_the_families():
    zhinao = read().tensor_shapes(is_fused=False)
    assert zhinao == read("qwen2").tensor_shapes(is_fused=False)
    llama = read("llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True).tensor_shapes(is_fused=False)
    assert llama.keys() - zhinao.keys() == {
        f"model.layers.{n}.{name}.bias"
        for n in range(2)
        for name in ("self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    }
    assert zhinao.keys() - llama.keys() == {"lm_head.weight"}


def test_the_small_bilingual_models_are_taken_as_they_are(tmp_path):
    """config.json of Qwen2.5-0.5B-Instruct: 988,065,536 bytes of bf16, as its file on the hub has (without its header)."""
    raw = {
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 896,
        "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "vocab_size": 151936, "max_position_embeddings": 32768, "max_window_layers": 21, "sliding_window": 32768,
        "use_sliding_window": False, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": True,
        "torch_dtype": "bfloat16", "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
    }  # fmt: skip
    shapes = architecture.from_config(raw, tmp_path / "config.json").tensor_shapes(is_fused=False)
    assert 2 * sum(math.prod(shape) for shape in shapes.values()) == 988_065_536
