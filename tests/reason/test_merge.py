"""Merges against arithmetic done by hand, and the folder that comes of them."""

import json

import numpy as np
import pytest

from tests.tiny import make_checkpoint
from zhinao.arguments import Parser
from zhinao.errors import CheckpointError, UsageError
from zhinao.model.checkpoint import Checkpoint
from zhinao.reason.commands import merge as command
from zhinao.reason.merge import ways
from zhinao.reason.merge.merge import How, merge


def array(*numbers):
    return np.array(numbers, np.float32)


def test_linear():
    assert ways.linear([array(1, 2), array(3, 6)], [3, 1]).tolist() == [1.5, 3.0]


def test_slerp_keeps_the_length_on_the_arc():
    half = ways.slerp(array(1, 0), array(0, 1), 0.5)
    assert np.allclose(half, [0.5**0.5, 0.5**0.5]) and np.allclose(ways.slerp(array(2, 0), array(0, 1), 0), [2, 0])
    assert np.allclose(ways.slerp(array(1, 0), array(1, 1e-4), 0.5), [1, 5e-5])  # nearly parallel: straight
    assert np.allclose(ways.slerp(array(0, 0), array(1, 1), 0.5), [0.5, 0.5])


def test_ties_trims_elects_and_averages():
    base = array(1, 1, 1, 1)
    one, other = base + array(4, -3, 0.1, 0), base + array(2, 5, 0.2, 1)
    # the larger half of each: (4, -3, 0, 0) and (2, 5, 0, 0); signs of the sums: +, +
    assert np.allclose(ways.ties(base, [one, other], [1, 1], 0.5), [1 + 3, 1 + 5, 1, 1])
    assert np.allclose(ways.ties(base, [one], [1], 1.0), one)
    assert np.allclose(ways.ties(base, [one, other], [3, 1], 0.5), [1 + 14 / 4, 1 - 3, 1, 1])  # -9 + 5: the sign is -


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_merge_is_a_checkpoint(tmp_path, dtype):
    models = [make_checkpoint(tmp_path / f"{n}", seed=n, dtype=dtype) for n in (1, 2)]
    merge(models, tmp_path / "out", How("linear", (1, 1)))
    one, other, merged = (Checkpoint(folder) for folder in (*models, tmp_path / "out"))
    name = "model.layers.0.mlp.up_proj.weight"
    if dtype == "F32":
        assert np.allclose(merged.read(name), (one.read(name) + other.read(name)) / 2, atol=1e-6)
    assert merged.dtype(name) == dtype
    assert json.loads((tmp_path / "out" / "merge.json").read_text())["how"] == "linear"


def test_a_model_merged_with_itself_is_itself(tmp_path):
    model = make_checkpoint(tmp_path / "1", dtype="BF16")
    for how in (How("linear", (1, 3)), How("slerp", (1, 1)), How("ties", (1, 1), model)):
        merge([model, model], out := tmp_path / how.name, how)
        one, merged = Checkpoint(model), Checkpoint(out)
        assert all(np.array_equal(one.read(name), merged.read(name)) for name in one.names()), how.name


def test_models_of_other_shapes_are_refused_and_nothing_is_left(tmp_path):
    models = [make_checkpoint(tmp_path / "1"), make_checkpoint(tmp_path / "2", intermediate_size=64)]
    with pytest.raises(CheckpointError, match="one shape"):
        merge(models, tmp_path / "out", How("linear", (1, 1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_numbers_that_are_none_are_refused(tmp_path):
    models = [make_checkpoint(tmp_path / "1", dtype="F16"), make_checkpoint(tmp_path / "2", dtype="F32", scale=1e6)]
    with pytest.raises(CheckpointError, match="numbers that are none"):
        merge(models, tmp_path / "out", How("linear", (1, 1)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [["a"], ["a", "b", "c", "--how", "slerp"], ["a", "b", "--weights", "1"], ["a", "b", "--how", "ties"], ["a", "b", "--base", "c"],
     ["a", "b", "--density", "0"], ["a", "b", "--weights", "0", "0"]],
)  # fmt: skip
def test_what_cannot_be_meant(words, tmp_path):
    parser = Parser(prog="x")
    command.add_arguments(parser)
    with pytest.raises(UsageError):
        command.run(parser.parse_args([*words, "--out", f"{tmp_path / 'out'}"]))
