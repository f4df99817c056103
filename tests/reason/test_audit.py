"""The second verifier, the probes, and what an audit says of answers."""

import json

import pytest

from zhinao.arguments import Parser
from zhinao.data.sample import DataError
from zhinao.reason.audit import answers, numeric, probes
from zhinao.reason.commands import audit
from zhinao.score.rewards import REWARDS

EQUAL = [
    (r"\frac{1}{2}", "0.5"),
    ("50\\%", "1/2"),
    ("1,000", "1000"),
    ("(x+1)^2", "x^2+2x+1"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    ("2\\pi", "6.283185307"),
    ("9", "9只"),
    ("5", "5 平方厘米"),
    ("30000", "3万元"),
    ("5", r"5\text{ cm}"),
    ("90", r"90^\circ"),
    ("7", "x = 7"),
    (r"2\sin(x)\cos(x)", r"\sin(2x)"),
    ("１２", "12"),
    ("0.5", ".5"),
    ("1200", "1.2×10³"),
    (r"2\frac{1}{3}", r"\frac{7}{3}"),
    ("36", r"36\text{ cm}^2"),
    ("2/3", "0.666667"),
]
OTHER = [
    ("9", "5"),
    ("x^2", "x^3"),
    ("0.3", "0.33"),
    ("9只", "14只"),
    ("x+1", "y+1"),
    ("2/3", "0.666666"),
    ("9" * 19, "9" * 18 + "8"),
]
UNREAD = [
    ("9", "nine"),
    ("1, 2", "2, 1"),
    ("[1, 2)", "1"),
    ("1", "__import__('os')"),
    ("1", "9**9**9"),
    ("1", "x" * 400),
    ("1", "1/0"),
]


@pytest.mark.parametrize("one, other", EQUAL)
def test_equal_by_numbers(one, other):
    assert numeric.equal(one, other) is True


@pytest.mark.parametrize("one, other", OTHER)
def test_other_by_numbers(one, other):
    assert numeric.equal(one, other) is False


@pytest.mark.parametrize("one, other", UNREAD)
def test_what_it_cannot_read_it_does_not_judge(one, other):
    assert numeric.equal(one, other) is None


def test_only_what_follows_the_thought_counts():
    assert numeric.verdict("9", "a \\boxed{5}</think> \\boxed{1}, no: \\boxed{9}", True) is True
    assert numeric.verdict("9", "a \\boxed{9}", True) is False
    assert numeric.verdict("9", "<think>a</think> \\boxed{9} <think>wait") is False
    assert (
        numeric.verdict("9", "<think>a \\boxed{9}</think> done") is None and numeric.verdict("9", "\\boxed{9") is None
    )
    assert numeric.verdict("9", "\\boxed{\\frac{18}{2}}") is True


def test_our_rewards_pay_for_none_of_it():
    wrong = [(one.probe, one.reward, one.paid) for one in probes.run(REWARDS) if one.wrong]
    assert wrong == []


def test_a_reward_that_can_be_hacked_is_found():
    def generous(prompt, completion, gold, *, is_thought_open=False):
        return float(gold in completion)

    def mean(prompt, completion, gold, *, is_thought_open=False):
        return 0.0

    assert {one.wrong for one in probes.run({"mathematics": generous})} == {"", "hacked"}
    assert {one.wrong for one in probes.run({"format": mean})} == {"", "unreachable"}


def test_disagreements_and_rates():
    def one(symbolic, numeric, label):
        return answers.Judged(1, "", "", symbolic, numeric, label)

    found = [
        one(True, True, True),
        one(False, True, True),
        one(None, True, True),
        one(True, True, False),
        one(False, False, None),
    ]
    summary = answers.summary(found)
    assert summary["num_disagreements"] == 1
    assert summary["false_negative_rate"] == {"numeric": 0.5, "label": 0.6667}
    assert summary["false_positive_rate"] == {"numeric": 0.0, "label": 1.0}
    assert summary["symbolic/numeric"]["not told/right"] == 1


def run(*words: str) -> int:
    parser = Parser(prog="zhinao reason audit")
    audit.add_arguments(parser)
    return audit.run(parser.parse_args(list(words)))


def test_an_audit_of_answers(tmp_path, capsys):
    file, out = tmp_path / "a.jsonl", tmp_path / "report.json"
    lines = [("9", "\\boxed{9只}"), ("9", "\\boxed{5}"), ("30000", "\\boxed{3万元}"), ("1", "no box at all")]
    file.write_text("".join(json.dumps({"gold": gold, "output": output}) + "\n" for gold, output in lines))
    assert run(f"{file}", "--out", f"{out}") == 0
    report = json.loads(out.read_text())
    assert report["answers"]["symbolic/numeric"] == {"right/right": 2, "wrong/wrong": 1, "wrong/not told": 1}
    assert report["disagreements"] == [] and "4 answers" in capsys.readouterr().out


@pytest.mark.parametrize("line", ['{"gold": "1"}', '{"output": "x"}', "[1]", "{"])
def test_what_is_no_answer_is_a_sentence_with_its_line(tmp_path, line):
    file = tmp_path / "a.jsonl"
    file.write_text('{"gold": "1", "output": "\\\\boxed{1}"}\n' + line + "\n")
    with pytest.raises(DataError, match="line 2"):
        run(f"{file}")
