"""Asking, keeping and going on: by a backend of the tests."""

import json
import math

import pytest

from tests.evaluate.fakes import CHOICES, PPL_TASK, QUESTIONS, FakeBackend, task
from zhinao.errors import ContextLengthError, DiskError, EngineError, UsageError
from zhinao.evaluate.backend.base import Output, RefusedError
from zhinao.evaluate.run import asking, results, store
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import LETTER, SAMPLES, Item
from zhinao.score.grade import Grade

IDENTITY = {"model": "fake", "seed": 42}
SMALL = Asking("small", task(QUESTIONS), QUESTIONS)


def done(one, backend, folder):
    """The result of a run, and what failed."""
    with Store(folder, IDENTITY) as kept:
        failed = asking.run(one, backend, kept)
        found = (kept.known(one.name, item, sample) for item in one.items for sample in range(one.num_samples))
        return results.of(one, [record for record in found if record]), failed


def test_answers_are_graded_and_written(tmp_path):
    result, failed = done(SMALL, FakeBackend(), tmp_path / "run")
    assert (result["score"], result["num_items"], result["is_complete"], failed) == (0.5, 6, True, [])
    assert 0.1 < result["interval"][0] < 0.5 < result["interval"][1] < 0.9
    lines = [json.loads(line) for line in (tmp_path / "run" / "items.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list("012345")
    assert lines[1] | {"seconds": 0} == {
        "task": "small", "id": "1", "prompt_hash": store.prompt_hash(QUESTIONS[1]), "gold": "yes", "extracted": "yes",
        "grade": 1.0, "seconds": 0, "output": "yes", "num_tokens": 3, "finish_reason": "stop",
    }  # fmt: skip


def test_ppl_is_divided_by_all_tokens_and_a_tie_goes_to_the_first(tmp_path):
    sums = {"0 a": (-3.0,), "0 bcd": (-1.0, -1.0, -1.9), "1 a": (-2.0,), "1 bcd": (-1.0, -1.0, -1.0)}
    backend = FakeBackend(likelihood=lambda text: sums.get(text.text, (-2.0,)))
    done(Asking("small", PPL_TASK, CHOICES), backend, tmp_path)
    chosen = [record["extracted"] for record in store.read(tmp_path)]
    # 3/2 against 3.9/4; 2/2 against 3/4; a tie of both; and again
    assert chosen == ["1", "1", "0", "0"]
    assert [text.given for text in backend.texts] == [0] * 8


def test_letters_are_what_follows_the_prompt(tmp_path):
    items = [Item(id="a", prompt="Q: ", choices=("A", "B"), gold=1)]
    backend = FakeBackend(likelihood=lambda text: (-1.0,) if text.text.endswith("B") else (-2.0,))
    result, _ = done(Asking("small", task(items, LETTER), items), backend, tmp_path)
    assert result["score"] == 1 and {text.given for text in backend.texts} == {3}


@pytest.mark.parametrize("cut", [0, 1, 10, 200, 500])
def test_a_killed_run_asks_only_what_is_missing(cut, tmp_path):
    done(SMALL, FakeBackend(), tmp_path)
    file = tmp_path / "items.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:cut])
    backend = FakeBackend()
    result, _ = done(SMALL, backend, tmp_path)
    assert len(backend.asks) == 6 - whole[:cut].count(b"\n") and result["is_complete"]
    assert len(file.read_text().splitlines()) == 6
    again = FakeBackend()
    assert done(SMALL, again, tmp_path)[0] == result and not again.asks


def test_another_prompt_is_asked_anew(tmp_path):
    done(SMALL, FakeBackend(), tmp_path)
    items = [Item(id=item.id, prompt=item.prompt + "!", gold=item.gold) for item in QUESTIONS]
    backend = FakeBackend()
    done(Asking("small", task(items), items), backend, tmp_path)
    assert len(backend.asks) == 6


def test_a_failing_engine_loses_nothing(tmp_path):
    """What failed stays undone, the next run asks it."""
    backend = FakeBackend(answer=lambda ask: EngineError("dead") if ask.prompt == "Question 3?" else "yes")
    result, failed = done(SMALL, backend, tmp_path)
    assert len(failed) == 1 and result["num_missing"] == 1 and not result["is_complete"]
    again = FakeBackend()
    result, failed = done(SMALL, again, tmp_path)
    assert len(again.asks) == 1 and result["is_complete"] and not failed


@pytest.mark.parametrize("one", [SMALL, Asking("small", PPL_TASK, CHOICES)])
def test_who_answers_nobody_ends_the_task_at_once(one, tmp_path):
    error = RefusedError("no key")
    backend = FakeBackend(answer=lambda ask: error, likelihood=lambda text: error)
    result, failed = done(one, backend, tmp_path)
    assert failed == [error] and result["num_items"] == 0 and len(backend.asks) <= 1
    assert done(one, FakeBackend(), tmp_path)[0]["is_complete"]


def test_an_item_that_cannot_be_asked_counts_as_wrong_and_says_why(tmp_path):
    backend = FakeBackend(answer=lambda ask: ContextLengthError(9, 8) if ask.prompt == "Question 3?" else "yes")
    result, failed = done(SMALL, backend, tmp_path)
    assert result["num_errors"] == 1 and result["score"] == pytest.approx(2 / 6) and not failed
    assert any("9 tokens" in record.get("error", "") for record in store.read(tmp_path))


def test_ctrl_c_keeps_what_came(tmp_path):
    def answer(ask):
        return KeyboardInterrupt() if ask.prompt == "Question 3?" else "yes"

    with pytest.raises(KeyboardInterrupt):
        done(SMALL, FakeBackend(answer=answer), tmp_path)
    assert len(list(store.read(tmp_path))) == 3


@pytest.mark.parametrize("name", ["model", "seed"])
def test_a_folder_of_another_run_is_refused(name, tmp_path):
    done(SMALL, FakeBackend(), tmp_path)
    with pytest.raises(UsageError, match=name):
        Store(tmp_path, {**IDENTITY, name: "other"})


def test_folders_that_are_no_runs(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="something else"):
        Store(tmp_path, IDENTITY)
    with pytest.raises(DiskError):
        Store(tmp_path / "mine" / "run", IDENTITY)
    with pytest.raises(UsageError, match="no results"):
        store.results_of(tmp_path)
    run = tmp_path / "run"
    Store(run, IDENTITY).close()
    (run / "run.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        Store(run, IDENTITY)


def test_a_damaged_line_is_named(tmp_path):
    done(SMALL, FakeBackend(), tmp_path)
    file = tmp_path / "items.jsonl"
    file.write_text(file.read_text().replace('"task"', '"tusk"', 1))
    with pytest.raises(UsageError, match="line 1"):
        Store(tmp_path, IDENTITY)


def test_two_commands_on_one_folder(tmp_path):
    with Store(tmp_path, IDENTITY), pytest.raises(UsageError, match="Another command"):
        Store(tmp_path, IDENTITY)


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    with Store(tmp_path, IDENTITY) as kept:
        monkeypatch.setattr(kept, "_file", open("/dev/full", "w"))  # noqa: SIM115
        with pytest.raises(DiskError, match=r"items\.jsonl"):
            asking.run(SMALL, FakeBackend(), kept)


def test_results_of_an_earlier_command_stay(tmp_path):
    with Store(tmp_path, IDENTITY) as kept:
        kept.write_results({"tasks": {"a": {"score": 1}}})
        kept.write_results({"tasks": {"b": {"score": 0}}})
    assert set(store.results_of(tmp_path)["tasks"]) == {"a", "b"}


def test_samples(tmp_path):
    """Two of four right, one cut within its thought."""
    items = [Item(id="0", prompt="?", gold="7")]
    given = iter(
        [
            Output("7", 1, "stop", "t"),
            Output("", 9, "length", "t", True),
            Output("7", 1, "stop", "t"),
            Output("8", 1, "stop", "t"),
        ]
    )

    def grade(item, output):
        extracted = output.rpartition("</think>\n")[2] if "</think>" in output else None
        return Grade(float(extracted == item.gold), extracted)

    one = Asking(
        "small", task(items, SAMPLES, grade=grade, num_samples=4, sampling={"temperature": 0.6}), items, 4, seed=5
    )
    backend = FakeBackend(answer=lambda ask: next(given))
    result, _ = done(one, backend, tmp_path)
    assert [ask.sampling["seed"] for ask in backend.asks] == [5, 6, 7, 8]
    assert (result["score"], result["pass_at_k"], result["cons_at_k"]) == (0.5, 1.0, 1.0)
    assert (result["cut_off_share"], result["no_thought_end_share"], result["num_not_extracted"]) == (0.25, 0.25, 1)
    assert [record["sample"] for record in store.read(tmp_path)] == [0, 1, 2, 3]


def test_turns_go_on_from_the_answers(tmp_path):
    items = [Item(id="0", prompt="First", turns=("Second",), gold="b")]
    given = iter(["a", "b"])
    backend = FakeBackend(answer=lambda ask: next(given))
    result, _ = done(Asking("small", task(items), items), backend, tmp_path)
    assert [message["content"] for message in backend.asks[1].prompt] == ["First", "a", "Second"]
    assert result["score"] == 1 and next(store.read(tmp_path))["outputs"] == ["a", "b"]


def test_means_by_subset(tmp_path):
    items = [
        Item(id=str(n), prompt="?", gold="yes" if n == 0 else "no", subset="few" if n == 0 else "many")
        for n in range(4)
    ]
    result, _ = done(Asking("small", task(items, mean="subsets"), items), FakeBackend(), tmp_path)
    assert result["score"] == 0.5 and result["subsets"] == {"few": [1, 1.0], "many": [3, 0.0]}
    assert math.isclose(sum(result["interval"]) / 2, 0.5, abs_tol=0.3)
