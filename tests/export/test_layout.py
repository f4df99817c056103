"""Tensors of every family in every layout and back, bit for bit; no torch."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.tiny import make_checkpoint
from zhinao.errors import CheckpointError
from zhinao.export import layout, target, wayback
from zhinao.files import write_json
from zhinao.model.checkpoint import Checkpoint

SHAPES = {
    "grouped": {},
    "one kv head": {"num_key_value_heads": 1},
    "as many kv heads": {"num_key_value_heads": 6},
    "wide heads": {"head_dim": 16},
}


def rewrite(source, to, out, max_shard_bytes=10**9):
    checkpoint = Checkpoint(source)
    target.check(checkpoint, to)
    out.mkdir()
    write_json(out / "config.json", target.config(checkpoint, to))
    steps = layout.plan(checkpoint, is_fused=to == "zhinao", adds_bias=True)
    layout.rewrite(checkpoint, steps, out, max_shard_bytes)
    return out


def contents(folder) -> dict[str, tuple]:
    """Name -> dtype, shape and bytes, of whatever shards there are."""
    infos = Checkpoint(folder).stored.values()
    return {info.name: (info.dtype, info.shape, info.read().tobytes()) for info in infos}


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("is_tied", [False, True])
@pytest.mark.parametrize("shards", [10**9, 20_000])
def test_zhinao_to_qwen2_and_back(tmp_path, dtype, is_tied, shards):
    source = make_checkpoint(tmp_path / "z", dtype=dtype, is_tied=is_tied, max_shard_bytes=shards)
    there = rewrite(source, "qwen2", tmp_path / "q", shards)
    back = rewrite(there, "zhinao", tmp_path / "back", 30_000)
    assert contents(back) == contents(source)
    assert Checkpoint(there).architecture.family == "qwen2" and not Checkpoint(there).is_fused
    assert (len(Checkpoint(there).files) > 1) == (shards == 20_000)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("family", ["zhinao", "qwen2"])
def test_shapes(tmp_path, family, shape):
    source = make_checkpoint(tmp_path / "a", family, **shape)
    if "head_dim" in shape:  # only zhinao can say it, be it fused or split on disk
        with pytest.raises(CheckpointError, match="head_dim 16 ≠ 48 / 6"):
            target.check(Checkpoint(source), "qwen2")
        there = rewrite(source, "zhinao", tmp_path / "b")
    else:
        there = rewrite(source, "qwen2" if family == "zhinao" else "zhinao", tmp_path / "b")
        assert contents(rewrite(there, family, tmp_path / "c")) == contents(source)
    assert wayback.check(source, there)["num_tensors"] == len(contents(source))


def test_the_rows_are_those_of_the_description(tmp_path):
    """Each kv head's group: its queries, then its key, then its value. Written out by hand, not through qkv.py."""
    source = make_checkpoint(tmp_path / "z")
    fused = load_file(source / "model.safetensors")["model.layers.1.self_attn.qkv_proj.weight"]
    split = load_file(rewrite(source, "qwen2", tmp_path / "q") / "model.safetensors")
    groups = fused.reshape(2, 5, 8, 48)  # 2 kv heads, 3 queries + key + value, head_dim 8
    queries = np.concatenate([groups[k, q] for k in range(2) for q in range(3)])
    assert np.array_equal(split["model.layers.1.self_attn.q_proj.weight"], queries)
    assert np.array_equal(split["model.layers.1.self_attn.k_proj.weight"], np.concatenate([groups[0, 3], groups[1, 3]]))
    assert np.array_equal(split["model.layers.1.self_attn.v_proj.weight"], np.concatenate([groups[0, 4], groups[1, 4]]))


@pytest.mark.parametrize("to", ["qwen2", "zhinao"])
def test_llama_gets_zero_biases(tmp_path, to):
    source = make_checkpoint(tmp_path / "l", "llama", dtype="BF16")
    there = rewrite(source, to, tmp_path / "there")
    found = wayback.check(source, there)
    assert found["num_tensors"] == len(contents(source))
    assert found["num_added_zero_biases"] == 2 * 3
    biases = [value for name, value in contents(there).items() if name.endswith("bias")]
    assert len(biases) == (6 if to == "qwen2" else 2)
    assert all(dtype == "BF16" and not any(data) for dtype, _, data in biases)


def test_a_zhinao_checkpoint_stored_split_is_fused(tmp_path):
    source = make_checkpoint(tmp_path / "z", is_fused=False)
    there = rewrite(source, "zhinao", tmp_path / "there")
    assert Checkpoint(there).is_fused
    wayback.check(source, there)


def test_mixed_types_cannot_be_fused(tmp_path):
    source = make_checkpoint(tmp_path / "q", "qwen2")
    file = source / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.0.self_attn.k_proj.weight"
    tensors[name] = tensors[name].astype(np.float16)
    from safetensors.numpy import save_file

    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"layers\.0\.self_attn\.k_proj\.weight F16"):
        layout.plan(Checkpoint(source), is_fused=True)


def test_rotary_buffers_are_no_weights(tmp_path):
    source = make_checkpoint(tmp_path / "z")
    file = source / "model.safetensors"
    from safetensors.numpy import save_file

    save_file({**load_file(file), "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)}, file)
    there = rewrite(source, "qwen2", tmp_path / "q")
    assert not any("rotary" in name for name in contents(there))
    wayback.check(source, there)


def test_memory_does_not_grow_with_the_checkpoint(tmp_path):
    """190 MB in tensors of at most 6 MB, converted in a process of its own: its peak stays near an idle one's."""
    sizes = {"hidden_size": 768, "intermediate_size": 2048, "num_attention_heads": 12, "num_key_value_heads": 4}
    source = make_checkpoint(tmp_path / "z", dtype="F32", num_hidden_layers=7, max_shard_bytes=5 * 10**7, **sizes)
    code = """
import re, sys
from pathlib import Path
from zhinao.export.convert import convert
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()
convert(Path(sys.argv[1]), "qwen2", Path(sys.argv[2]), proves=False)
print(before, peak())
"""
    run = [sys.executable, "-c", code, str(source), str(tmp_path / "q")]
    before, after = map(int, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
    assert sum(file.stat().st_size for file in source.glob("*.safetensors")) > 170 * 10**6
    assert after - before < 40_000, "kB"
