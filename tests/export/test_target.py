"""What the converted checkpoint says of itself, and what is refused because the target cannot say it."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.tiny import make_checkpoint
from zhinao.errors import CheckpointError
from zhinao.export import target
from zhinao.model import architecture
from zhinao.model.checkpoint import Checkpoint


def config(folder, to="qwen2"):
    return target.config(Checkpoint(folder), to)


def test_upstream_config(tmp_path):
    """Extra keys stay, remote code goes, defaults on which readers differ are written out."""
    extra = {
        "auto_map": {"AutoConfig": "x.Y"},
        "_name_or_path": "/home/a",
        "use_flash_attn": "auto",
        "bos_token_id": None,
    }
    source = make_checkpoint(tmp_path / "z", dtype="BF16", **extra)
    raw = json.loads((source / "config.json").read_text())
    del raw["num_key_value_heads"], raw["rope_theta"], raw["rope_scaling"], raw["rms_norm_eps"]
    raw["num_key_value_heads"] = 2
    (source / "config.json").write_text(json.dumps(raw))
    made = config(source)
    assert made["architectures"] == ["Qwen2ForCausalLM"] and made["model_type"] == "qwen2"
    assert (
        made["use_flash_attn"] == "auto" and made["torch_dtype"] == "bfloat16" and made["use_sliding_window"] is False
    )
    assert not made.keys() & {"auto_map", "_name_or_path"}
    assert (made["rope_theta"], made["rope_scaling"]) == (10000, None)
    assert made["rope_parameters"] == {"rope_theta": 10000, "rope_type": "default"}
    assert made["rms_norm_eps"] == 1e-6


def test_new_keys_of_transformers_5(tmp_path):
    rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 500000.0}
    source = make_checkpoint(tmp_path / "q", "qwen2", rope_parameters=rope, layer_types=["full_attention"] * 2)
    raw = json.loads((source / "config.json").read_text())
    raw["dtype"] = raw.pop("torch_dtype")
    del raw["rope_theta"], raw["rope_scaling"]
    (source / "config.json").write_text(json.dumps(raw))
    made = config(source, "zhinao")
    assert made["rope_theta"] == 500000
    assert made["rope_scaling"] == {"rope_type": "linear", "type": "linear", "factor": 4.0}
    assert made["rope_parameters"] == {"rope_theta": 500000, "rope_type": "linear", "factor": 4.0}
    assert made["torch_dtype"] == "float32" and made["layer_types"] == ["full_attention"] * 2


def test_the_type_is_read_from_the_tensors_where_no_key_says_it(tmp_path):
    source = make_checkpoint(tmp_path / "z", dtype="F16", torch_dtype=None)
    assert config(source)["torch_dtype"] == "float16"


@pytest.mark.parametrize("scaling", [None, {"type": "linear", "factor": 2.0}, {"type": "dynamic", "factor": 2.0},
                                     {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}])  # fmt: skip
@pytest.mark.parametrize("to", ["qwen2", "zhinao"])
def test_the_way_back_reads_the_same_architecture(tmp_path, scaling, to):
    source = make_checkpoint(tmp_path / "z", rope_scaling=scaling, rope_theta=5e5)
    before = architecture.read(source)
    after = architecture.from_config(config(source, to), source / "config.json")
    for name in ("rope_theta", "rms_norm_eps", "num_kv_heads", "head_dim", "num_context_tokens", "is_tied", "dtype"):
        assert getattr(after, name) == getattr(before, name), name
    kinds = [(a.rope_scaling or {}).get("rope_type") for a in (before, after)]
    assert kinds[0] == kinds[1] == (scaling and (scaling.get("type") or scaling.get("rope_type")))
    if scaling:
        assert after.rope_scaling["factor"] == scaling["factor"]
    assert architecture.overrides(config(source, to)) == {}  # every reader finds the same context


@pytest.mark.parametrize("to", ["qwen2", "zhinao"])
@pytest.mark.parametrize(
    ("family", "keys", "words"),
    [
        ("llama", {"attention_bias": True}, ("attention_bias", "o_proj")),
        ("llama", {"mlp_bias": True}, ("mlp_bias", "MLP")),
        ("llama", {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, ("rope_scaling", "llama3")),
        ("qwen2", {"layer_types": ["full_attention", "sliding_attention"]}, ("layer_types", "full attention")),
    ],
)
def test_refused(tmp_path, family, keys, words, to):
    source = make_checkpoint(tmp_path / "a", family, **keys)
    with pytest.raises(CheckpointError) as error:
        target.check(Checkpoint(source), to)
    assert all(word in str(error.value) for word in (*words, "config.json", to))


def test_a_bias_on_o_proj_in_a_zhinao_checkpoint_is_refused(tmp_path):
    source = make_checkpoint(tmp_path / "z")
    file = source / "model.safetensors"
    save_file({**load_file(file), "model.layers.0.self_attn.o_proj.bias": np.zeros(48, np.float32)}, file)
    with pytest.raises(CheckpointError, match=r"o_proj\.bias"):
        Checkpoint(source)


def test_a_tied_model_with_another_head_is_refused(tmp_path):
    source = make_checkpoint(tmp_path / "z", is_tied=True)
    file = source / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]}, file)
    target.check(Checkpoint(source), "qwen2")
    save_file({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"] + 1}, file)
    with pytest.raises(CheckpointError, match=r"lm_head\.weight differs"):
        target.check(Checkpoint(source), "qwen2")


def test_llama_switches_do_not_stay(tmp_path):
    source = make_checkpoint(tmp_path / "l", "llama", attention_bias=False, mlp_bias=False, pretraining_tp=1)
    assert not config(source).keys() & {"attention_bias", "mlp_bias", "pretraining_tp"}


def test_generation_config(tmp_path):
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 3, "temperature": 0.6, "top_k": 5}))
    made = target.generation_config(tmp_path, (3, 9, 10), 0, {"temperature": 0.6})
    assert made == {"eos_token_id": [3, 9, 10], "temperature": 0.6, "top_k": 5, "pad_token_id": 0}
    (tmp_path / "generation_config.json").unlink()
    made = target.generation_config(tmp_path, (3,), None, {"temperature": 1.0, "top_p": 0.8})
    assert made == {"eos_token_id": [3], "temperature": 1.0, "top_p": 0.8, "do_sample": True}
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"generation_config\.json: not valid JSON"):
        target.generation_config(tmp_path, (), None, {})
