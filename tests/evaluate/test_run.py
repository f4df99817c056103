"""Asking and grading: choices, samples, turns; what failed and what is asked again."""

import pytest

from tests.evaluate.fakes import Counting, task
from zhinao.errors import ContextLengthError, EngineError, UsageError
from zhinao.evaluate.backend.base import Output, RefusedError
from zhinao.evaluate.run import asking, results
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import GENERATION, LETTER, PPL, SAMPLES, Item
from zhinao.score.grade import Grade

IDENTITY = {"model": "fake", "seed": 42, "limit": None}


def _run(folder, one: Asking, backend) -> tuple[dict, list, list[dict]]:
    with Store(folder, IDENTITY) as store:
        failed = asking.run(one, backend, store)
        records = list(store.records.values())
    return results.of(one, records), failed, records


def test_ppl_divides_by_all_tokens_and_takes_the_first_of_equals(tmp_path):
    """Sums over all tokens but the first, divided by all: -3/4 beats -2/2 though its sum is less."""
    known = {"long": (-1.0, -1.0, -1.0), "short": (-2.0,), "same": (-0.75,) * 4}
    items = [
        Item(id="a", choices=("short", "long"), gold=1),
        Item(id="b", choices=("long", "long"), gold=0),
        Item(id="c", choices=("short", "short", "long"), gold=0),
    ]
    plain = [
        min(range(len(item.choices)), key=lambda n, i=item: -sum(known[i.choices[n]]) / (len(known[i.choices[n]]) + 1))
        for item in items
    ]
    table, _, records = _run(tmp_path, Asking("fake", task(PPL, items), items), Counting(lambda one: known[one.text]))
    assert [int(record["extracted"]) for record in records] == plain == [1, 0, 2]
    assert table["score"] == pytest.approx(2 / 3)
    assert records[0]["num_tokens"] == [2, 4] and records[0]["log_likelihoods"] == [-2.0, -3.0]


def test_letter_takes_the_sum(tmp_path):
    items = [Item(id="a", prompt="Q:", choices=(" A", " B B"), gold=0)]
    backend = Counting(lambda one: (-1.5,) if one.text.endswith("A") else (-1.0, -1.0))
    table, _, _ = _run(tmp_path, Asking("fake", task(LETTER, items), items), backend)
    assert table["score"] == 1
    assert [(one.text, one.given) for one in backend.asked] == [("Q: A", 2), ("Q: B B", 2)]


def test_nothing_is_asked_twice(tmp_path):
    items = [Item(id=str(n), prompt=f"{n}", gold="x") for n in range(5)]
    one = Asking("fake", task(GENERATION, items), items)
    _run(tmp_path, one, first := Counting())
    _run(tmp_path, one, second := Counting())
    assert len(first.asked) == 5 and not second.asked


@pytest.mark.parametrize("cut", range(0, 5))
def test_a_killed_run_goes_on_where_it_stopped(tmp_path, cut):
    """`cut` whole lines stand, and half of the next."""
    items = [Item(id=str(n), prompt=f"{n}", gold="x") for n in range(5)]
    one = Asking("fake", task(GENERATION, items), items)
    _run(tmp_path, one, Counting())
    lines = (tmp_path / "items.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "items.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
    table, _, _ = _run(tmp_path, one, backend := Counting())
    assert [ask.prompt for ask in backend.asked] == [str(n) for n in range(cut, 5)]
    assert table["is_complete"] and table["num_items"] == 5


def test_another_prompt_is_asked_anew(tmp_path):
    for prompt, num in (("a", 1), ("b", 1), ("b", 0)):
        items = [Item(id="1", prompt=prompt, gold="x")]
        _run(tmp_path, Asking("fake", task(GENERATION, items), items), backend := Counting())
        assert len(backend.asked) == num


def test_samples(tmp_path):
    """Of item a three of four are right, of item b none; one is cut off, one thinks without an end."""
    outputs = iter(["<think></think>1"] * 3 + ["<think>so"] + ["<think></think>2"] * 3 + ["<think></think>3"])
    items = [Item(id="a", prompt="a", gold="1"), Item(id="b", prompt="b", gold="1")]

    def answer(_):
        text = next(outputs)
        return Output(text, 3, "stop" if "</think>" in text else "length")

    def grade(item, output):
        found = output.rpartition("</think>")[2] if "</think>" in output else None
        return Grade(float(found == item.gold), found)

    of = task(SAMPLES, items, grade=grade, sampling={"temperature": 0.6})
    table, _, records = _run(tmp_path, Asking("fake", of, items, 4), backend := Counting(answer=answer))
    assert table["score"] == pytest.approx(3 / 8)
    assert table["pass_at_k"] == 0.5 and table["cons_at_k"] == 0.5
    assert table["cut_off_share"] == table["no_thought_end_share"] == 1 / 8
    assert table["num_not_extracted"] == 1 and len(records) == 8
    assert [ask.sampling["seed"] for ask in backend.asked] == [42, 43, 44, 45] * 2


def test_turns(tmp_path):
    items = [Item(id="a", prompt=({"role": "user", "content": "1"},), turns=("2",), gold="x")]
    _, _, records = _run(tmp_path, Asking("fake", task(GENERATION, items), items), backend := Counting())
    assert [one["content"] for one in backend.asked[1].prompt] == ["1", "x", "2"]
    assert records[0]["outputs"] == ["x", "x"]


@pytest.mark.parametrize("error", [ContextLengthError(10, 5), RefusedError("no")])
def test_a_question_that_cannot_be_asked_is_wrong_and_says_why(tmp_path, error):
    items = [Item(id="a", prompt="1", gold="x"), Item(id="b", prompt="2", gold="x")]
    backend = Counting(answer=lambda ask: error if ask.prompt == "1" else "x")
    table, failed, records = _run(tmp_path, Asking("fake", task(GENERATION, items), items), backend)
    assert not failed and table["num_errors"] == 1 and table["score"] == 0.5
    assert records[0]["error"]


def test_what_an_engine_lost_is_asked_again(tmp_path):
    items = [Item(id="a", prompt="1", gold="x"), Item(id="b", prompt="2", gold="x")]
    one = Asking("fake", task(GENERATION, items), items)
    _, failed, _ = _run(tmp_path, one, Counting(answer=lambda ask: EngineError("gone") if ask.prompt == "1" else "x"))
    assert len(failed) == 1
    table, _, _ = _run(tmp_path, one, backend := Counting())
    assert [ask.prompt for ask in backend.asked] == ["1"] and table["score"] == 1


def test_what_meets_every_question_ends_the_run_and_keeps_what_stands(tmp_path):
    items = [Item(id=str(n), prompt=str(n), gold="x") for n in range(3)]
    one = Asking("fake", task(GENERATION, items), items)
    with pytest.raises(UsageError, match="HTTP 401"):
        _run(tmp_path, one, Counting(answer=lambda ask: "x" if ask.prompt == "0" else UsageError("HTTP 401")))
    _run(tmp_path, one, backend := Counting())
    assert [ask.prompt for ask in backend.asked] == ["1", "2"]
