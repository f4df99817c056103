"""Planted contaminations are found, and what only looks alike is not; the clean copy keeps records as they came."""

import json

import pytest

from tests.reason import planted
from zhinao.arguments import Parser
from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.reason.commands import decontaminate
from zhinao.reason.decontaminate import benchmarks, normal
from zhinao.reason.decontaminate.benchmarks import Question
from zhinao.reason.decontaminate.index import EXACT, GRAMS, MASKED, Index


@pytest.fixture(scope="module")
def index():
    return Index(Question("ours", str(n), text) for n, text in enumerate((*planted.ENGLISH, *planted.CHINESE)))


@pytest.mark.parametrize("how", planted.PLANTED)
def test_planted_ones_are_found(index, how):
    start = len(planted.ENGLISH) if how == "other script" else 0
    for number, text in enumerate(planted.PLANTED[how], start):
        hit = index.find(text)
        assert hit and hit.question.id == str(number), text
        expected = {"exact": {EXACT}, "renumbered": {EXACT, MASKED}, "other width": {EXACT}, "other script": {EXACT}}
        assert hit.how in expected.get(how, {GRAMS}), text


@pytest.mark.parametrize("text", planted.OTHERS)
def test_what_looks_alike_is_not(index, text):
    assert index.find(text) is None


def test_short_ones_are_told_by_their_numbers():
    index = Index([Question("sums", "1", "12 + 7 ="), Question("sums", "2", "Hi 5")])
    assert index.find("12+7=").how == EXACT
    assert index.find("12-7=") is None and index.find("13 + 7 =") is None
    assert index.find("") is None and index.find("hi 6") is None


def test_numbers_are_masked_however_they_are_written():
    assert normal.tokens("twenty-three apples") == normal.tokens("23 apples") == normal.tokens("１,０００ Apples")
    assert normal.tokens("二十三只雞") == normal.tokens("7只鸡")
    assert normal.strict(r"\left( \dfrac{1}{2} \right)") == normal.strict(r"(\frac{1}{2})")
    assert normal.strict("a_1 + b") == normal.strict("A1+B")


def test_a_question_is_what_is_the_items_own():
    shots = "Answer these.\n\nQuestion: How tall is it?\nAnswer: 3\n\nQuestion: "
    asked = ["Who came first?\nA. he\nB. she", "What is the sun?\nA. a star\nB. a moon"]
    items = [Item(id=str(n), prompt=f"{shots}{text}\nAnswer:") for n, text in enumerate(asked)]
    task = Task(name="t", title="", language="en", protocol="", mode=GENERATION, folder="", items=iter, num_items=2)
    found = list(benchmarks.questions(task, items))
    assert [one.text for one in found] == asked
    assert found[0].variants == ("Who came first?",)


def test_what_a_benchmark_repeats_says_nothing():
    manner = "Please read the story with care and then write down what its hero should do next"
    index = Index(Question("b", str(n), f"{manner} {'xyz'[n % 3] * (n + 3)}") for n in range(30))
    assert index.find(f"{manner} now") is None


@pytest.fixture
def run(tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "ours.txt").write_text("\n".join((*planted.ENGLISH, *planted.CHINESE)), encoding="utf-8")

    def run(*words: str) -> dict:
        parser = Parser(prog="zhinao reason decontaminate")
        decontaminate.add_arguments(parser)
        out = tmp_path / "report.json"
        assert (
            decontaminate.run(parser.parse_args([*words, "--against", f"{tmp_path / 'bench'}", "--out", f"{out}"])) == 0
        )
        return json.loads(out.read_text(encoding="utf-8"))

    return run


def test_all_turns_are_looked_at_and_records_stay_as_they_came(run, tmp_path):
    late = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": planted.CHINESE[0]},
        {"role": "assistant", "content": "48"},
    ]
    kept = {"problem": planted.OTHERS[0], "answer": "7", "source": "ours", "level": 3}
    lines = [{"messages": late}, kept, {"problem": planted.ENGLISH[1], "answer": "8.4"}]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = run(f"{data}", "--clean", f"{tmp_path / 'clean.jsonl'}")
    assert [(one["turn"], one["how"]) for one in report["found"]] == [(2, EXACT), (1, EXACT)]
    assert report["num_found"] == 2 and report["clean"]["num_records"] == 1
    assert [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()] == [kept]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count(planted.CHINESE[0]) == 2  # side by side


def test_text_on_the_page_is_no_markup(run, tmp_path):
    (tmp_path / "bench" / "more.txt").write_text("Which tag is <b>bold</b> in this page of ours, and why is it so?\n")
    data = tmp_path / "a.jsonl"
    data.write_text(
        json.dumps({"problem": "Which tag is <b>bold</b> in this page of ours, and why is it so?", "answer": ""})
    )
    assert run(f"{data}")["num_found"] == 1
    assert "<b>" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--share", "0"), ("--out", "x.txt")])
def test_what_cannot_be_meant_is_a_sentence(run, tmp_path, words):
    data = tmp_path / "a.jsonl"
    data.write_text('{"text": "a"}\n')
    parser = Parser(prog="x")
    decontaminate.add_arguments(parser)
    with pytest.raises(UsageError, match=words[0]):
        decontaminate.run(parser.parse_args([f"{data}", "--out", f"{tmp_path / 'r.json'}", *words]))
