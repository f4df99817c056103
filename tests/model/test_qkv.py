"""The fused rows: what lies where, and the way there and back, in numpy and torch."""

import numpy as np
import pytest
import torch

from zhinao.model import qkv

HIDDEN = 5
SHAPES = [(6, 2, 16), (4, 4, 2), (8, 1, 6), (12, 4, 4)]  # query heads, kv heads, head_dim


def rows_by_hand(heads: int, kv_heads: int, d: int) -> tuple[list, list, list]:
    """Which fused rows are q, k and v, written out from the format's description."""
    q, k, v = [], [], []
    row = 0
    for _ in range(kv_heads):
        for _ in range(heads // kv_heads):
            q += range(row, row + d)
            row += d
        k += range(row, row + d)
        v += range(row + d, row + 2 * d)
        row += 2 * d
    return q, k, v


def fused(heads, kv_heads, d, kind, dtype="float32"):
    shape = ((heads + 2 * kv_heads) * d, HIDDEN) if kind == "weight" else ((heads + 2 * kv_heads) * d,)
    return np.random.default_rng(3).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("heads, kv_heads, d", SHAPES)
def test_split_takes_the_described_rows(heads, kv_heads, d, kind):
    whole = fused(heads, kv_heads, d, kind)
    for part, rows in zip(qkv.split(whole, heads // kv_heads, d), rows_by_hand(heads, kv_heads, d), strict=True):
        assert np.array_equal(part, whole[rows])


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("heads, kv_heads, d", SHAPES)
def test_numpy_round_trip(heads, kv_heads, d, kind):
    whole = fused(heads, kv_heads, d, kind)
    back = qkv.fuse(*qkv.split(whole, heads // kv_heads, d), heads // kv_heads, d)
    assert back.dtype == whole.dtype and np.array_equal(back, whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("heads, kv_heads, d", SHAPES)
def test_torch_round_trip_and_equality_with_numpy(heads, kv_heads, d, kind, dtype):
    whole = torch.from_numpy(fused(heads, kv_heads, d, kind)).to(dtype)
    parts = qkv.split(whole, heads // kv_heads, d)
    back = qkv.fuse(*parts, heads // kv_heads, d)
    assert back.dtype == dtype and torch.equal(back, whole)
    for part, other in zip(parts, qkv.split(whole.float().numpy(), heads // kv_heads, d), strict=True):
        assert np.array_equal(part.float().numpy(), other)


@pytest.mark.parametrize("pattern", [0x7FC1, 0xFFC0, 0x7F81, 0x8000, 0x0001, 0x7F80])
def test_odd_bit_patterns_survive(pattern):
    """NaNs with payloads, signed zero, subnormals: a checkpoint may hold any, and each must come back."""
    whole = np.full(((6 + 4) * 4, 3), pattern, np.uint16)
    assert np.array_equal(qkv.fuse(*qkv.split(whole, 3, 4), 3, 4), whole)
    tensor = torch.from_numpy(whole.view(np.int16).copy()).view(torch.bfloat16)
    back = qkv.fuse(*qkv.split(tensor, 3, 4), 3, 4)
    assert torch.equal(back.view(torch.int16), tensor.view(torch.int16))


def test_a_rank_splits_its_own_rows():
    """Whole groups of rows split like the whole: the number of groups is read off the rows."""
    whole = fused(6, 2, 16, "weight")
    halves = [qkv.split(half, 3, 16) for half in np.split(whole, 2)]
    for n, part in enumerate(qkv.split(whole, 3, 16)):
        assert np.array_equal(np.concatenate([half[n] for half in halves]), part)


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError):
        qkv.split(np.zeros((41, 3)), 3, 4)


def test_names_there_and_back():
    name = "model.layers.11.self_attn.qkv_proj.bias"
    parts = qkv.split_names(name)
    assert parts == tuple(f"model.layers.11.self_attn.{part}_proj.bias" for part in "qkv")
    assert {qkv.fused_name(part) for part in parts} == {name}
    assert qkv.fused_name("model.layers.11.self_attn.o_proj.weight") is None
    assert qkv.fused_name("model.layers.1.mlp.up_proj.weight") is None
