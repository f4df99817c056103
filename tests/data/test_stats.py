"""`zhinao data stats`: counts against those made by hand."""

import json
from array import array

import pytest
from tests.tiny_tokenizer import make_tokenizer

from zhinao import cli
from zhinao.data.check.inspection import Inspection
from zhinao.data.sample import Place
from zhinao.data.stats import command
from zhinao.data.stats.report import Count, histogram
from zhinao.errors import UsageError


def facts(*lengths: int, source="a", **more) -> Inspection:
    return Inspection(Place(source, 1, 1), more.pop("kind", "chat"), (), lengths, **more)


def test_counts_by_source():
    count = Count()
    count.add(facts(10, num_supervised=4, num_turns=2, language="zh"))
    count.add(facts(20, 30, num_supervised=6, num_turns=4, language="en"))
    count.add(facts(source="b", kind="fault"))
    assert count.total.as_dict() == {
        "num_samples": 3,
        "num_faults": 1,
        "num_tokens": 60,
        "num_supervised": 10,
        "languages": {"zh": 1, "en": 1},
        "kinds": {"chat": 2},
    }
    assert count.sources["b"].num_faults == 1 and count.sources["a"].num_samples == 2
    assert list(count.lengths) == [10, 20, 30] and list(count.turns) == [2, 4]


def test_packing():
    count = Count()
    for length in (60, 40, 50, 50, 99, 150):
        count.add(facts(length))
    packing = count.packing(100, seed=0)
    assert (packing.num_rows, packing.num_documents, packing.num_overlong) == (3, 5, 1)
    assert packing.filled == pytest.approx(299 / 300) and packing.padded == pytest.approx(299 / 500)


def test_packing_of_nothing():
    assert Count().packing(100, seed=0).num_rows == 0


def test_histogram():
    assert histogram(array("I", [1, 2, 3, 3, 9])) == [(1, 1, 1), (2, 3, 3), (4, 7, 0), (8, 15, 1)]
    assert histogram(array("I")) == []


def test_limits():
    assert command.limits("64, 128") == [64, 128]
    for text in ("", "a", "1", "64,,128", "-5"):
        with pytest.raises(UsageError):
            command.limits(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("model"))


def test_command(folder, tmp_path, capsys):
    chats = tmp_path / "chats.jsonl"
    messages = [{"role": "user", "content": "你好吗朋友"}, {"role": "assistant", "content": "很好，谢谢你。"}]
    chats.write_text(json.dumps({"messages": messages}) + "\n[1]\n", encoding="utf-8")
    (tmp_path / "text.txt").write_text("One line.\nAnother line of text.\n", encoding="utf-8")
    words = [
        "data",
        "stats",
        str(tmp_path),
        "--model",
        str(folder),
        "--limits",
        "64",
        "--json",
        str(tmp_path / "out.json"),
    ]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "plain text" in out and "JSON lines, messages" in out and "Packing" in out and "█" in out
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["total"]["num_samples"] == 4 and written["total"]["num_faults"] == 1
    assert written["sources"][str(chats)]["languages"] == {"zh": 1}
    assert written["turns"]["max"] == 2 and [one["capacity"] for one in written["packing"]] == [64]
    assert written["total"]["num_tokens"] == sum(written["lengths"][q] for q in ("min", "p50", "max"))


def test_nothing_to_count(folder, tmp_path, capsys):
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    assert cli.main(["data", "stats", str(tmp_path / "empty.jsonl"), "--model", str(folder)]) == 10
    assert capsys.readouterr().err.startswith("zhinao: ")
