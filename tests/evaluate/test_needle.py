"""The needle test: one needle an item, where it should be; what does not fit is left out; its grid as a picture."""

from pathlib import Path

import pytest

from zhinao.errors import UsageError
from zhinao.evaluate import data, tasks
from zhinao.evaluate.report import heat
from zhinao.evaluate.tasks import _needle


@pytest.mark.parametrize(("name", "longest"), [("needle-en", 5.2), ("needle-zh", 1.9)])
def test_each_item_holds_its_code_once_at_its_depth(name, longest):
    items = list(tasks.find(name).items(Path()))
    assert len(items) == len(_needle.LENGTHS) * len(_needle.DEPTHS) == tasks.find(name).num_items
    assert len({item.gold for item in items}) == len(items)
    for item in items[:20]:
        length, depth = map(int, item.id.split("/"))
        assert item.prompt.count(item.gold) == 1
        assert item.prompt.index(item.gold) / len(item.prompt) == pytest.approx(depth / 100, abs=0.12)
        assert length < len(item.prompt) < length * longest + 300


@pytest.mark.parametrize(("output", "score"), [(" {}.", 1.0), ("是{}。", 1.0), (" 12345", 0.0), (" 000000 or {}", 0.0)])
def test_the_first_six_digits_count(output, score):
    item = next(tasks.find("needle-en").items(Path()))
    assert tasks.find("needle-en").grade(item, output.format(item.gold)).score == score


def test_what_does_not_fit_the_context_is_left_out():
    items = list(tasks.find("needle-zh").items(Path()))
    left = data.fitting(items, len, 8000, "needle-zh")
    assert {item.subset for item in left} == {"1024", "2048", "4096"}
    with pytest.raises(UsageError, match="100"):
        data.fitting(items, len, 100, "needle-zh")


def test_the_grid_is_a_picture():
    records = [
        {"task": "needle-zh", "id": f"{length}/{depth}", "grade": float(length < 2048)}
        for length in (1024, 2048)
        for depth in (0, 50)
    ]
    shown = heat.section(records)
    assert (shown.count('class="found"'), shown.count('class="lost"')) == (2, 2) and "2k" in shown
    assert heat.section([{"task": "arc-c", "id": "a", "grade": 1.0}]) == ""
