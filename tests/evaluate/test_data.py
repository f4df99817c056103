"""Reading and choosing items; missing, empty and doubled ones."""

import random

import pytest

from tests.evaluate.fakes import task
from zhinao.errors import UsageError
from zhinao.evaluate import data
from zhinao.evaluate.task import GENERATION, PPL, Item

ITEMS = [
    Item(id=f"{subset}/{n}", subset=subset, gold="")
    for subset, num in (("a", 60), ("b", 30), ("c", 10))
    for n in range(num)
]


def _read(items, mode=GENERATION, **more):
    return data.read(task(mode, items), more.pop("folder", None) or data.folder(None), **more)


def test_stratified_is_the_same_every_time_and_by_share():
    first, second = (data.stratified(ITEMS, 10, 42) for _ in range(2))
    assert first == second != data.stratified(ITEMS, 10, 43)
    assert [sum(item.subset == name for item in first) for name in "abc"] == [6, 3, 1]
    assert [ITEMS.index(item) for item in first] == sorted(ITEMS.index(item) for item in first)


@pytest.mark.parametrize("num", [1, 2, 7, 33, 99])
def test_stratified_gives_that_many(num):
    assert len(set(item.id for item in data.stratified(ITEMS, num, 1))) == num


def test_stratified_choice_is_this_one():
    """Fixed for good: a score of last year is of the same items."""
    assert [item.id for item in data.stratified(ITEMS[:8], 3, 42)] == [
        f"a/{n}" for n in sorted(random.Random("42 a").sample(range(8), 3))
    ]


@pytest.mark.parametrize(
    ("items", "mode", "said"),
    [
        ([], GENERATION, "no items"),
        ([Item(id="1"), Item(id="1")], GENERATION, "id '1'"),
        ([Item(id="1", choices=("a",), gold=0)], PPL, "no choice"),
        ([Item(id="1", choices=("a", "b"), gold=2)], PPL, "no choice"),
        ([Item(id="1", choices=("a", "b"), gold=None)], PPL, "no choice"),
    ],
)
def test_bad_items(items, mode, said):
    with pytest.raises(UsageError, match=said):
        _read(items, mode)


def test_folder_that_is_none(tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        data.folder(tmp_path / "none")
