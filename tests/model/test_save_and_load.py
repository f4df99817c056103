"""The fused layout exists only on disk: split on loading, restored on saving bit for bit, and bad folders refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.tiny import make_checkpoint
from zhinao.errors import CheckpointError
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.modeling import ZhinaoForCausalLM

WIDE = {"head_dim": 16}
IDS = torch.arange(20)[None]
LAYER = "model.layers.0."


def stored(folder) -> dict[str, np.ndarray]:
    opened = Checkpoint(folder)
    return {name: info.read() for name, info in opened.stored.items()}


def assert_same_bits(a, b):
    a, b = stored(a), stored(b)
    assert a.keys() == b.keys()
    assert any("qkv_proj" in name for name in a)
    for name in a:
        assert a[name].dtype == b[name].dtype and np.array_equal(a[name].view(np.uint8), b[name].view(np.uint8)), name


@pytest.mark.parametrize("is_tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("shards", ["one", "many"])
@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_saved_bit_for_bit(tmp_path, dtype, shards, is_tied):
    limit = {"one": 10**9, "many": 20_000}[shards]
    folder = make_checkpoint(tmp_path / "in", dtype=dtype, is_tied=is_tied, max_shard_bytes=limit, **WIDE)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert {"F32": torch.float32, "BF16": torch.bfloat16}[dtype] == model.dtype
    assert model.model.layers[0].self_attn.k_proj.weight.shape == (32, 48)
    model.save_pretrained(tmp_path / "out", max_shard_size=limit)
    assert_same_bits(folder, tmp_path / "out")
    assert (len(Checkpoint(tmp_path / "out").files) > 5) == (shards == "many")


def test_odd_bit_patterns_survive(tmp_path):
    folder = make_checkpoint(tmp_path / "in", dtype="BF16", **WIDE)
    tensors = load_file(folder / "model.safetensors")
    fused = tensors[LAYER + "self_attn.qkv_proj.weight"].view(torch.int16)
    fused.view(-1)[:4] = torch.tensor([0x7FC1, -1, -(2**15), 1], dtype=torch.int16)
    save_file(tensors, folder / "model.safetensors")
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path / "out")
    assert_same_bits(folder, tmp_path / "out")


def test_loaded_split_saved_fused(tmp_path):
    """A folder in the split layout, which transformers alone would save split again."""
    split = make_checkpoint(tmp_path / "split", is_fused=False, **WIDE)
    model = AutoModelForCausalLM.from_pretrained(split)
    model.save_pretrained(tmp_path / "out")
    assert Checkpoint(tmp_path / "out").is_fused
    again = Checkpoint(tmp_path / "out")
    assert all(np.array_equal(again.read(n), Checkpoint(split).read(n)) for n in again.names())


def test_made_from_a_configuration_saved_fused(tmp_path):
    config = AutoConfig.from_pretrained(make_checkpoint(tmp_path / "in", **WIDE))
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert Checkpoint(tmp_path / "out").is_fused
    assert torch.equal(model(IDS).logits, again(IDS).logits)


def test_disk_offload(tmp_path):
    folder = make_checkpoint(tmp_path / "in", **WIDE)
    whole = AutoModelForCausalLM.from_pretrained(folder)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", "model.norm": "cpu",
              "model.rotary_emb": "cpu", "lm_head": "disk"}  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(folder, device_map=places, offload_folder=tmp_path / "disk")
    with torch.no_grad():
        assert torch.equal(model(IDS).logits, whole(IDS).logits)
    model.save_pretrained(tmp_path / "out")
    assert_same_bits(folder, tmp_path / "out")


@pytest.mark.parametrize("device_map", ["cpu", "auto"])
def test_device_map(tmp_path, device_map):
    folder = make_checkpoint(tmp_path / "in", **WIDE)
    model = AutoModelForCausalLM.from_pretrained(folder, device_map=device_map)
    assert torch.isfinite(model(IDS.to(model.device)).logits).all()


def test_base_and_classification_classes(tmp_path):
    folder = make_checkpoint(tmp_path / "in", **WIDE)
    base = AutoModel.from_pretrained(folder)
    base.save_pretrained(tmp_path / "base")
    again = AutoModel.from_pretrained(tmp_path / "base")
    assert torch.equal(base(IDS).last_hidden_state, again(IDS).last_hidden_state)
    names = load_file(tmp_path / "base" / "model.safetensors").keys()
    assert "layers.0.self_attn.qkv_proj.weight" in names and not any("q_proj" in n for n in names)
    judge = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, pad_token_id=0)
    assert judge(IDS).logits.shape == (1, 3)
    judge.save_pretrained(tmp_path / "judge")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "judge")
    assert torch.equal(judge(IDS).logits, again(IDS).logits)


def test_loading_info_is_handed_out(tmp_path):
    _, info = AutoModelForCausalLM.from_pretrained(make_checkpoint(tmp_path / "in"), output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]


@pytest.fixture
def folder(tmp_path):
    return make_checkpoint(tmp_path / "model", **WIDE)


def change(folder, **tensors):
    file = folder / "model.safetensors"
    content = {name: tensor.clone() for name, tensor in load_file(file).items()}
    for name, tensor in tensors.items():
        if tensor is None:
            del content[LAYER + name]
        else:
            content[LAYER + name] = tensor
    save_file(content, file)
    return str(file)


def refuses(folder, **kwargs) -> str:
    with pytest.raises(CheckpointError) as error:
        AutoModelForCausalLM.from_pretrained(folder, **kwargs)
    return str(error.value)


def test_wrong_missing_and_unknown_tensors_are_named(folder):
    file = change(folder, **{"self_attn.qkv_proj.weight": torch.ones(159, 48)})
    message = refuses(folder)
    for part in (file, LAYER + "self_attn.qkv_proj.weight", "(159, 48)", "(160, 48)"):
        assert part in message
    change(folder, **{"self_attn.qkv_proj.weight": None})
    assert LAYER + "self_attn.qkv_proj.weight" in refuses(folder)
    file = change(folder, **{"self_attn.qkv_proj.weight": torch.ones(160, 48), "self_attn.o_proj.bias": torch.ones(48)})
    message = refuses(folder)
    assert file in message and LAYER + "self_attn.o_proj.bias" in message


def test_state_dicts_are_checked_by_name(folder):
    """Where there is no folder to look into, names are checked after loading."""
    config = AutoConfig.from_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    lost = state.pop(LAYER + "mlp.up_proj.weight")
    load = ZhinaoForCausalLM.from_pretrained
    with pytest.raises(CheckpointError, match=r"missing tensor model\.layers\.0\.mlp\.up_proj"):
        load(None, config=config, state_dict=state)
    state |= {LAYER + "mlp.up_proj.weight": lost, LAYER + "self_attn.o_proj.bias": torch.ones(48)}
    with pytest.raises(CheckpointError, match=r"unknown tensor model\.layers\.0\.self_attn\.o_proj\.bias"):
        load(None, config=config, state_dict=state)


def test_shortened_missing_and_pickled_files(folder):
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-7])
    assert "damaged" in refuses(folder)
    file.unlink()
    torch.save({"a": torch.ones(1)}, folder / "pytorch_model.bin")
    assert "pickle" in refuses(folder)


def test_a_config_that_cannot_be_meant(folder):
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | {"hidden_act": "gelu"}))
    assert "hidden_act" in refuses(folder)


def test_subfolder(tmp_path):
    make_checkpoint(tmp_path / "repo" / "inner", **WIDE)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "repo", subfolder="inner").config.head_dim == 16
