"""Safetensors folders: every bit read and written, every damage named."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import make_checkpoint
from zhinao.errors import CheckpointError
from zhinao.model.checkpoint import Checkpoint, ShardWriter, read_header, to_bf16, to_float32

WIDE = {"head_dim": 16}
LAYER = "model.layers.0."


def bits(tensor: torch.Tensor) -> np.ndarray:
    """A torch tensor as the numpy array that Checkpoint gives (bf16 as uint16)."""
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def damage(folder, change):
    """Rewrite the single weight file with `change(tensors)` applied."""
    file = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    change(tensors)
    save_file(tensors, file)
    return file


def refuses(folder) -> str:
    with pytest.raises(CheckpointError) as error:
        Checkpoint(folder)
    return str(error.value)


@pytest.fixture
def folder(tmp_path):
    return make_checkpoint(tmp_path / "model", **WIDE)


@pytest.mark.parametrize("shard_bytes", [10**9, 20_000], ids=["one-file", "shards"])
@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_reads_what_safetensors_reads(tmp_path, dtype, shard_bytes):
    folder = make_checkpoint(tmp_path / "model", dtype=dtype, max_shard_bytes=shard_bytes, **WIDE)
    opened = Checkpoint(folder)
    assert opened.is_fused and (len(opened.files) > 5) == (shard_bytes < 10**9)
    stored = {}
    for file in opened.files:
        stored |= load_file(file)
    for name, tensor in stored.items():
        if name in set(opened.names()):
            assert np.array_equal(opened.read(name), bits(tensor)), name
            assert opened.dtype(name) == dtype
    fused = bits(stored[LAYER + "self_attn.qkv_proj.weight"]).reshape(2, 5, 16, 48)
    assert np.array_equal(opened.read(LAYER + "self_attn.q_proj.weight"), fused[:, :3].reshape(96, 48))
    assert np.array_equal(opened.read(LAYER + "self_attn.k_proj.weight"), fused[:, 3].reshape(32, 48))
    bias = bits(stored[LAYER + "self_attn.qkv_proj.bias"]).reshape(2, 5, 16)
    assert np.array_equal(opened.read(LAYER + "self_attn.v_proj.bias"), bias[:, 4].reshape(32))


@pytest.mark.parametrize("family", ["zhinao", "qwen2", "llama"])
def test_split_layouts(tmp_path, family):
    opened = Checkpoint(make_checkpoint(tmp_path / "model", family, is_fused=False, **WIDE))
    assert not opened.is_fused
    assert set(opened.names()) == set(opened.stored)


def test_rotary_buffers_are_ignored(folder):
    damage(folder, lambda t: t.update({LAYER + "self_attn.rotary_emb.inv_freq": torch.ones(8)}))
    assert LAYER + "self_attn.rotary_emb.inv_freq" not in Checkpoint(folder).stored


def test_adapter_files_beside_the_model_are_not_its_weights(folder):
    save_file({"x": torch.ones(1)}, folder / "adapter_model.safetensors")
    assert [f.name for f in Checkpoint(folder).files] == ["model.safetensors"]


def test_a_missing_tensor(folder):
    damage(folder, lambda t: t.pop(LAYER + "mlp.up_proj.weight"))
    message = refuses(folder)
    assert str(folder) in message and LAYER + "mlp.up_proj.weight" in message and "(96, 48)" in message


@pytest.mark.parametrize("name", ["self_attn.o_proj.bias", "mlp.extra.weight", "self_attn.q_proj.weight"])
def test_an_unknown_tensor(folder, name):
    file = damage(folder, lambda t: t.update({LAYER + name: torch.ones(48)}))
    message = refuses(folder)
    assert str(file) in message and LAYER + name in message


@pytest.mark.parametrize(
    "name, shape, expected",
    [
        ("self_attn.qkv_proj.weight", (159, 48), "(160, 48)"),
        ("self_attn.qkv_proj.bias", (96,), "(160,)"),
        ("mlp.down_proj.weight", (96, 48), "(48, 96)"),
    ],
)
def test_a_wrong_shape(folder, name, shape, expected):
    file = damage(folder, lambda t: t.update({LAYER + name: torch.ones(shape)}))
    message = refuses(folder)
    for part in (str(file), LAYER + name, str(shape), expected):
        assert part in message


def test_half_fused_is_refused(folder):
    def change(t):
        for part in "qkv":
            t[f"{LAYER}self_attn.{part}_proj.weight"] = torch.ones(96 if part == "q" else 32, 48)
        del t[LAYER + "self_attn.qkv_proj.weight"]

    damage(folder, change)
    assert "qkv_proj.weight" in refuses(folder)


def test_quantised_weights_are_refused(folder):
    damage(folder, lambda t: t.update({LAYER + "mlp.up_proj.weight": torch.ones(96, 48, dtype=torch.int8)}))
    message = refuses(folder)
    assert "I8" in message and LAYER + "mlp.up_proj.weight" in message


def test_a_tied_head_may_be_stored_but_not_differ(tmp_path):
    folder = make_checkpoint(tmp_path / "model", is_tied=True)
    file = damage(folder, lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
    Checkpoint(folder)
    damage(folder, lambda t: t["lm_head.weight"].add_(1))
    message = refuses(folder)
    assert str(file) in message and "tie_word_embeddings" in message


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_shortened_file(folder, keep):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    message = refuses(folder)
    assert str(file) in message and "zhinao pull" in message


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"[]",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}',
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-8, -4]}}',
        b'{"a": {"dtype": "Q4", "shape": [1], "data_offsets": [0, 4]}}',
    ],
)
def test_a_header_that_lies(tmp_path, header):
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(CheckpointError, match=r"x\.safetensors"):
        read_header(file)


def test_a_missing_shard(tmp_path):
    folder = make_checkpoint(tmp_path / "model", max_shard_bytes=20_000)
    lost = sorted(folder.glob("*.safetensors"))[2]
    lost.unlink()
    message = refuses(folder)
    assert lost.name in message and "1 of" in message


@pytest.mark.parametrize("index", ["", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[]"])
def test_a_bad_index(tmp_path, index):
    folder = make_checkpoint(tmp_path / "model", max_shard_bytes=20_000)
    (folder / "model.safetensors.index.json").write_text(index)
    assert "index.json" in refuses(folder)


def test_a_tensor_in_two_files(tmp_path):
    folder = make_checkpoint(tmp_path / "model", max_shard_bytes=20_000)
    first, second, *_ = sorted(folder.glob("*.safetensors"))
    save_file(load_file(first) | load_file(second), second)
    assert first.name in refuses(folder)


def test_a_pickle_is_refused_with_the_reason(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    message = refuses(folder)
    assert "pytorch_model.bin" in message and "pickle" in message and "any code" in message


def test_no_weights_and_a_broken_link(folder):
    (folder / "model.safetensors").unlink()
    assert "no safetensors" in refuses(folder)
    (folder / "weights.safetensors").symlink_to(folder / "gone")
    assert "cannot be read" in refuses(folder)


@pytest.mark.parametrize("shard_bytes", [10**9, 30_000])
def test_what_is_written_is_what_safetensors_reads(tmp_path, shard_bytes):
    values = {
        "a": ("F32", np.random.default_rng(0).standard_normal((40, 50), dtype=np.float32)),
        "b": ("BF16", np.arange(60, dtype=np.uint16).reshape(3, 20)),
        "c": ("F16", np.ones(7, np.float16)),
        "d": ("F32", np.ones((100, 100), np.float32)),
    }
    writer = ShardWriter(tmp_path, [(n, t, v.shape) for n, (t, v) in values.items()], shard_bytes)
    for name, (_, value) in values.items():
        writer.write(name, value)
    writer.finish()
    found = {}
    for file in tmp_path.glob("*.safetensors"):
        found |= load_file(file)
    assert found.keys() == values.keys()
    assert all(np.array_equal(bits(found[name]), value) for name, (_, value) in values.items())
    index = tmp_path / "model.safetensors.index.json"
    assert index.exists() == (shard_bytes == 30_000)
    if index.exists():
        content = json.loads(index.read_text())
        assert content["metadata"]["total_size"] == writer.num_bytes
        assert set(content["weight_map"]) == set(values)


def test_copying_a_checkpoint_through_reader_and_writer(tmp_path):
    opened = Checkpoint(make_checkpoint(tmp_path / "model", dtype="BF16", max_shard_bytes=20_000))
    target = tmp_path / "copy"
    target.mkdir()
    shutil.copy(opened.folder / "config.json", target)
    plan = [(name, info.dtype, info.shape) for name, info in opened.stored.items()]
    writer = ShardWriter(target, plan, 50_000)
    for info in opened.stored.values():
        writer.write(info.name, info.read())
    writer.finish()
    copied = Checkpoint(target)
    assert all(np.array_equal(copied.read(name), opened.read(name)) for name in opened.names())


def test_bf16_rounds_as_torch_does():
    random = np.random.default_rng(1).integers(0, 2**32, 200_000, dtype=np.uint64).astype(np.uint32)
    edges = [0, 0x80000000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x3F808000, 0x3F818000, 1]
    values = np.concatenate([random, np.array(edges, np.uint32)]).view(np.float32)
    values = values[~np.isnan(values)]
    assert np.array_equal(to_bf16(values), bits(torch.from_numpy(values).bfloat16()))


def test_bf16_keeps_nan_a_nan():
    nans = np.array([0x7FC00000, 0xFFFFFFFF, 0x7F800001, 0xFF800001], np.uint32).view(np.float32)
    assert np.isnan(to_float32(to_bf16(nans), "BF16")).all()


def test_bf16_and_f16_widen_exactly():
    patterns = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    expected = torch.from_numpy(patterns.view(np.int16)).view(torch.bfloat16).float().numpy()
    assert np.array_equal(to_float32(patterns, "BF16").view(np.uint32), expected.view(np.uint32))
    assert to_float32(np.float16([1.5, -2]), "F16").tolist() == [1.5, -2.0]
