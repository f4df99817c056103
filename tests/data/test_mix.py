"""Weights as multiples, drawn by the seed, the same on every machine."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhinao.data.store.mix import entries, select
from zhinao.errors import UsageError


def test_weights_are_multiples():
    chosen = select([4, 10, 0, 5], [1, 0.3, 1, 2.2], seed=7)
    assert chosen.dtype == np.int64
    first, second, third = chosen[chosen < 4], chosen[(chosen >= 4) & (chosen < 14)], chosen[chosen >= 14]
    assert first.tolist() == [0, 1, 2, 3]
    assert len(second) == len(set(second)) == 3
    assert sorted(np.bincount(third - 14)) == [2, 2, 2, 2, 3]
    assert select([1000], [0.0001], 1).shape == (1,)
    assert select([], [], 1).shape == (0,)


def test_the_choice_is_the_same_everywhere():
    """The stored hash was made with numpy 2.4; another one would mean that runs can no longer be repeated."""
    chosen = select([1000, 500], [0.5, 1.25], seed=42)
    assert hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()[:16] == "d74b83590ac449f1"


@given(st.integers(1, 200), st.floats(0.01, 3), st.floats(0.01, 3), st.integers(-5, 2**40))
def test_a_source_does_not_change_with_others_and_grows_with_its_weight(num, weight, other, seed):
    alone = select([num], [weight], seed)
    assert len(alone) == max(1, round(num * weight))
    both = select([num, 7], [weight, other], seed)
    assert both[both < num].tolist() == alone.tolist()
    small, large = (np.bincount(select([num], [w], seed), minlength=num) for w in sorted((weight, other)))
    assert (small <= large).all()


def test_seeds_differ():
    assert select([100], [0.5], 1).tolist() != select([100], [0.5], 2).tolist()
    half = select([100, 100], [0.5, 0.5], 1)
    assert half[:50].tolist() != (half[50:] - 100).tolist()


def test_weights_behind_names(tmp_path):
    odd = tmp_path / "b:2"
    odd.touch()
    paths = ["a.jsonl", "data/*.json:0.3", str(odd), "C:x", "-:2", "a:1e-1"]
    assert entries(paths) == (["a.jsonl", "data/*.json", str(odd), "C:x", "-", "a"], [1, 0.3, 1, 1, 2, 0.1])


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_weights_that_cannot_be_meant(weight):
    with pytest.raises(UsageError, match=f"a.jsonl:{weight}: a weight must be a number above 0"):
        entries([f"a.jsonl:{weight}"])
    with pytest.raises(UsageError, match="a weight must be a number above 0"):
        select([5], [float(weight)], 1)


def test_a_weight_for_every_source():
    with pytest.raises(UsageError, match="1 weight was given for 2 sources"):
        select([1, 2], [1.0], 1)
