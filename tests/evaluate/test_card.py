"""The regression card: rules that answers keep or break, two scripted models compared, and what comes out as files."""

import json

import pytest

from zhinao import lang
from zhinao.evaluate.backend.base import Backend, Output
from zhinao.evaluate.card import comparing, probes, rules, tasks, writing
from zhinao.evaluate.commands import card

PAIRS = [
    ("ends", "OVER", "Honey. OVER.", "OVER and out"),
    ("begins", "Captain", "**Captain**, it is below.", "The Captain knows."),
    ("upper", "", "RAIN IS WET. 3!", "RAIN is wet."),
    ("lower", "", "rome, milan", "Rome, milan"),
    ("one_word", "", "Green.", "It is green."),
    ("no_digit", "", "eight", "8"),
    ("json", "answer", '```json\n{"answer": 4}\n```', '{"answer": 4, "why": "sum"}'),
    ("json", "answer", '{"answer": "4"}', "[4]"),
    ("contains", "Juniper", "I am juniper.", "I am an assistant."),
    ("chinese", "", "用 Python 写：天空是蓝色的。", "The sky is blue 天空。"),
    ("english", "", "The sea is salty because of minerals.", "海水是咸的 because."),
    ("at_most", "20", "长满树木的地方。", "森林" * 11),
    ("yes_no", "", "是。", "是的，鱼生活在水里。"),
]


@pytest.mark.parametrize(("rule", "wanted", "kept", "broken"), PAIRS)
def test_rules(rule, wanted, kept, broken):
    assert rules.keeps(rule, wanted, kept)
    assert not rules.keeps(rule, wanted, broken)
    assert not rules.keeps(rule, wanted, " ")
    assert rules.keeps(rule, wanted, f"<think>{broken}</think>\n{kept}")


def test_there_are_twenty_of_each_in_both_languages_and_every_rule_is_known():
    for kind in (probes.STOPS, probes.SYSTEM, probes.LANGUAGE, probes.LOOPS):
        assert len({str(one) for one in kind}) == 20
        questions = [one if isinstance(one, str) else " ".join(one) for one in kind]
        assert 6 <= sum(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in questions) <= 14
    assert {rule for *_, rule, _ in probes.SYSTEM} <= rules._RULES.keys()
    assert rules._RULES.keys() == {rule for rule, *_ in PAIRS}


def test_loops():
    ids = lambda text: [ord(letter) for letter in text]  # noqa: E731
    assert rules.loops(ids, "Once upon a time. " + "And so on. " * 40)
    assert not rules.loops(ids, "".join(f"line {n} of a list\n" for n in range(60)))


class Scripted(Backend):
    """Answers Chinese in Chinese unless it has forgotten that, and then neither stops nor stays out of loops."""

    def __init__(self, name: str, has_forgotten: bool = False):
        self.name, self.identity, self.has_forgotten, self.num_asked = name, {"model": name}, has_forgotten, 0

    def loglikelihoods(self, texts):
        raise AssertionError

    def num_tokens(self, text):
        return len(text)

    def generate(self, asks):
        for index, ask in enumerate(asks):
            self.num_asked += 1
            is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in ask.prompt[-1]["content"])
            good = "好的，这是回答。" if is_chinese else "Here is the answer."
            text = "<b>again</b> " * 60 if self.has_forgotten else good
            yield index, Output(text, 8, "length" if self.has_forgotten else "stop")


@pytest.fixture
def made(tmp_path):
    before, after = Scripted("a"), Scripted("b", has_forgotten=True)
    first, second = (card.ask(one, tmp_path / one.name, {}) for one in (before, after))
    lang.choose("en")
    yield tmp_path, before, card.compared("a", "b", first, second, {})
    lang.choose(None)


def test_what_was_forgotten_is_worse(made):
    rows = {row.name: row for row in made[2].rows}
    assert {name for name, row in rows.items() if row.verdict == comparing.WORSE} >= {"stops", "language", "loops"}
    assert (rows[tasks.STOPS].before, rows[tasks.STOPS].after, rows[tasks.STOPS].lost) == (1.0, 0.0, 20)
    assert made[2].is_worse


def test_the_same_model_is_no_worse_and_is_not_asked_again(made):
    folder, before, _ = made
    num = before.num_asked
    same = card.ask(before, folder / "a", {})
    assert before.num_asked == num == 80
    found = card.compared("a", "a", same, same, {})
    assert not found.is_worse and {row.verdict for row in found.rows} == {comparing.SAME}


def test_ten_answers_stand_side_by_side_and_run_nothing(made):
    page, text = writing.html(made[2]), writing.markdown(made[2])
    assert len(made[2].answers) == 10 and all(one.is_worse for one in made[2].answers)
    assert "<b>again" not in page and "&lt;b&gt;again" in page
    assert "    <b>again" in text  # indented: code
    assert json.loads(json.dumps(writing.as_json(made[2])))["is_worse"]


@pytest.mark.parametrize(("fail_on", "code"), [("worse", 1), (None, 0)])
def test_exit_code(tmp_path, monkeypatch, fail_on, code):
    from zhinao.cli import build_parser

    sides = iter([Scripted("a"), Scripted("b", has_forgotten=True)])
    monkeypatch.setattr(card, "_backend", lambda args, model: next(sides))
    words = ["card", "a", "b", "--out", str(tmp_path), *(["--fail-on", fail_on] if fail_on else [])]
    assert card.run(build_parser("card").parse_args(words)) == code
    assert {"card.md", "card.html", "card.json", "before", "after"} == {file.name for file in tmp_path.iterdir()}


def test_benchmarks_stand_beside_the_probes_and_say_so_by_name(tmp_path):
    """A benchmark's records are compared by their grades, a probe's by how it ended."""
    records = [{"task": "gsm8k", "id": str(n), "grade": 1.0, "finish_reason": "length"} for n in range(8)]
    lost = [{**record, "grade": 0.0} for record in records]
    (row,) = comparing.rows(records, lost, ["stops", "gsm8k"])
    assert (row.name, row.verdict, row.lost, row.before) == ("gsm8k", comparing.WORSE, 8, 1.0)
    (other,) = comparing.rows(records, lost[:5] + records[5:], ["gsm8k"])
    assert other.verdict == comparing.CANNOT_TELL  # five of eight: p is 0.0625
