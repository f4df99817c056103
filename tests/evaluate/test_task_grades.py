"""How answers to the benchmarks are graded: each task's own rules (what of an output is compared), on outputs written here."""

import pytest

from zhinao.evaluate import tasks
from zhinao.evaluate.task import Item


def score(name: str, gold, output: str, subset: str = "") -> float:
    return tasks.find(name).grade(Item(id="0", prompt="?", gold=gold, subset=subset), output).score


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("signs", 1),
        (" signs, and", 1),
        ("signs\nof", 1),
        ("Signs", 0),
        ("sign", 0),
        ("", 0),
        ("\nsigns-like", 1),
        ("the signs", 0),
    ],
)
def test_lambada_compares_the_first_word(output, right):
    pytest.importorskip("zhinao.score.text")
    assert score("lambada", "signs", output) == right


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("It is 4. So the answer is (B).\n\nQ: next\nA: the answer is (A).", 1),
        ("So the answer is B.", 1),
        ("(B)", 1),
        ("the answer is not known", 0),
        ("", 0),
    ],
)
def test_bbh_options(output, right):
    assert score("bbh", "(B)", output, "snarks") == right


@pytest.mark.parametrize(
    ("name", "output", "right"),
    [
        ("bbh", "So the answer is Yes.", 1),
        ("bbh", "So the answer is Yes.\n\nQ: more\nA: So the answer is No.", 1),
        ("bbh@gen_5bf00b_last", "So the answer is Yes.\n\nQ: more\nA: So the answer is No.", 0),
        ("bbh", "So the answer is yes.", 0),
        ("bbh@gen_5bf00b_last", "So the answer is yes.", 1),
        ("bbh", "Yes", 1),
        ("bbh", "", 0),
    ],
)
def test_bbh_free_answers(name, output, right):
    assert score(name, "Yes", output, "navigate") == right


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("3*6=18.\nThe answer is 18", 1),
        ("The answer is 18.\n\nQuestion: another?\nThe answer is 7", 1),
        ("The answer is 18.0", 1),
        ("18 of 20", 0),
        ("18,000", 0),
        ("-18", 0),
        ("no number", 0),
        ("", 0),
    ],
)
def test_gsm8k_reads_the_last_number_before_a_next_question(output, right):
    assert score("gsm8k", "18", output) == right


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("so it is $\\boxed{\\frac{3}{2}}$.", 1),
        ("Final Answer: The final answer is $\\frac{3}{2}$. I hope it is correct.", 1),
        ("The final answer is $\\frac32$. I hope", 1),
        ("first $\\boxed{1}$, then $\\boxed{\\frac{3}{2}}$", 1),
        ("\\boxed{{\\frac{3}{2}}}", 1),
        ("The final answer is $2$.", 0),
        ("", 0),
    ],
)
def test_math_reads_the_last_box_or_the_sentence_with_the_answer(output, right):
    pytest.importorskip("zhinao.score.mathematics")
    assert score("math", "It is $\\boxed{\\frac{3}{2}}$.", output) == right


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" The final answer is $[2,5)$", "[2,5)"),
        (" The final answer is $24$", "24"),
        ("the answer is 100,000 dollars", "100000"),
        ("The answer is \\text{(A)}", "A"),
        ("The final answer is $\\sqrt2$", "\\sqrt{2}"),
        ("The final answer is $30^\\circ$", "30"),
    ],
)
def test_what_of_a_sentence_is_the_answer(text, found):
    from zhinao.evaluate.tasks import _minerva

    assert _minerva.normalized(text) == found


@pytest.mark.parametrize("name", ["c3", "eprstmt-dev"])
@pytest.mark.parametrize(
    ("output", "right"), [("A", 1), ("答案是A。", 1), ("BA", 0), ("Option A", 0), ("积极", 0), ("", 0)]
)
def test_the_first_capital_counts_whatever_it_is(name, output, right):
    pytest.importorskip("zhinao.score.choices")
    assert score(name, "A", output) == right


@pytest.mark.parametrize("name", ["arc-c", "arc-e", "siqa@gen_18632c"])
@pytest.mark.parametrize(("output", "right"), [("B", 1), (" B. iron", 1), ("The answer is B.", 1), ("A", 0), ("", 0)])
def test_the_first_option(name, output, right):
    pytest.importorskip("zhinao.score.choices")
    assert score(name, "B", output) == right


def test_lcsts_compares_the_first_line_without_marks():
    pytest.importorskip("zhinao.score.text")
    from zhinao.evaluate.tasks.lcsts import first_line

    assert first_line("“北京下雪。”\n第二行") == "北京下雪"
    assert first_line("1. 北京1. 下雪") == "北京下雪" and first_line("- 北京下雪！") == "北京下雪"
    assert score("lcsts", "北京迎来今年第一场雪", "北京迎来今年第一场雪\n又一行") == pytest.approx(1)
    assert score("lcsts", "北京迎来今年第一场雪", "") == 0
    assert 0 < score("lcsts", "北京迎来今年第一场雪", "北京下雪了") < 1


@pytest.mark.parametrize("name", ["aime24", "aime25"])
@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("<think>\\boxed{1}</think> It is $\\boxed{25}$.", 1),
        ("\\boxed{025}", 1),
        ("<think>so \\boxed{25}</think> I do not know.", 0),
        ("It is 25.", 0),
        ("\\boxed{26}", 0),
    ],
)
def test_the_box_after_the_thought(name, output, right):
    pytest.importorskip("zhinao.score.mathematics")
    assert score(name, "025", output) == right


def test_a_letter_in_the_box():
    pytest.importorskip("zhinao.score.mathematics")
    assert score("gpqa-diamond", "B", "</think> \\boxed{B}") == 1 and score("gpqa-diamond", "B", "\\boxed{C}") == 0
