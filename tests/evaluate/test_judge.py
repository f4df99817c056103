"""Another model as the judge: verdicts are kept, what it cannot say is shown, and no answer is lost with it."""

import dataclasses

import pytest

from tests.evaluate.fakes import Counting, FakeServer, chat, task
from zhinao.errors import EngineError, UsageError
from zhinao.evaluate.run import asking
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.judge import Judge
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import JUDGED, Item
from zhinao.score.grade import Grade


@dataclasses.dataclass
class Marks:
    temperature: float = 0.0
    retries: int = 1

    def messages(self, item, answers):
        return [[{"role": "user", "content": f"{item.id}: {answer}"}] for answer in answers]

    def parse(self, text, item):
        return int(text) if text.isdigit() else None

    def grade(self, item, verdicts):
        known = [one for one in verdicts if one is not None]
        return Grade(sum(known) / 10 if known else None, str(known))


ITEMS = [Item(id=str(n), prompt=str(n)) for n in range(3)]
TASK = task(JUDGED, ITEMS, judging=Marks())


def _run(folder, url: str, backend, name: str | None = None):
    with Store(folder, {"model": "fake"}) as store:
        judge = Judge(url, name, folder / "verdicts.jsonl", waits=(0.01,))
        failed = asking.run(Asking("fake", TASK, ITEMS), backend, store, judge)
        return failed, list(store.records.values())


def test_the_judge_is_named_and_asked_once(tmp_path):
    with FakeServer(lambda path, body, number: chat("7")) as server:
        failed, records = _run(tmp_path, server.url, Counting())
        assert not failed and [one["grade"] for one in records] == [0.7] * 3
        assert records[0]["facts"]["judge"] == "served"
        (tmp_path / "items.jsonl").unlink()
        _, again = _run(tmp_path, server.url, Counting())
        assert len(server.requests) == 3 and [one["grade"] for one in again] == [0.7] * 3


def test_nonsense_is_asked_again_then_shown(tmp_path):
    with FakeServer(lambda path, body, number: chat("lovely")) as server:
        _, records = _run(tmp_path, server.url, Counting())
        assert len(server.requests) == 6
    assert records[0]["grade"] is None and records[0]["facts"]["unparsed"] == ["lovely"]


@pytest.mark.parametrize("bad", [(500, {}), None, (200, {}), (200, b""), (200, {"choices": []})])
def test_a_judge_that_cannot_be_had_loses_no_answer(tmp_path, bad):
    with FakeServer(lambda path, body, number: bad) as server:
        failed, records = _run(tmp_path, server.url, Counting())
    assert len(failed) == 3 and all(isinstance(one, EngineError) for one in failed)
    assert [one["output"] for one in records] == ["x"] * 3 and not any(map(asking.is_judged, records))
    with FakeServer(lambda path, body, number: chat("7")) as server:
        failed, records = _run(tmp_path, server.url, backend := Counting())
    assert not failed and not backend.asked and [one["grade"] for one in records] == [0.7] * 3


def test_a_judge_that_refuses(tmp_path):
    refusing = FakeServer(lambda path, body, number: (401, {"error": "key"}))
    with refusing as server, pytest.raises(UsageError, match=r"The judge: .*HTTP 401"):
        _run(tmp_path, server.url, backend := Counting())
    with FakeServer(lambda path, body, number: chat("7")) as server:
        _run(tmp_path, server.url, later := Counting())
    assert len(backend.asked) + len(later.asked) == 3


def test_another_judge_judges_the_same_answers(tmp_path):
    with FakeServer(lambda path, body, number: chat("7" if body["model"] == "served" else "5")) as server:
        _run(tmp_path, server.url, Counting())
        _, records = _run(tmp_path, server.url, backend := Counting(), "other")
    assert not backend.asked and [(one["grade"], one["facts"]["judge"]) for one in records] == [(0.5, "other")] * 3


def test_a_cut_line_of_verdicts(tmp_path):
    (tmp_path / "v").write_text('{"key": "a", "text": "7"}\n[]\n{"key": ')
    with FakeServer(lambda *_: chat("7")) as server:
        assert Judge(server.url, None, tmp_path / "v")._verdicts == {"a": "7"}
