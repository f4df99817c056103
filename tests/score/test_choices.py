import pytest

from zhinao.score.choices import after_answer_is, bbh_option, bbh_text, first_capital, first_option


@pytest.mark.parametrize(
    "text, letter",
    [
        ("答案是B", "B"),
        ("答案：C", "C"),
        ("答案为 D。", "D"),
        ("正确答案是：Ａ", "A"),
        ("A不对，所以选B", "B"),
        ("故选：C。", "C"),
        ("因此 D。", "D"),
        ("The answer is C.", "C"),
        ("The correct answer is (D) because A is wrong", "D"),
        ("Answer: B", "B"),
        ("answer: (B)", "B"),
        ("B. because", "B"),
        ("B", "B"),
        ("**C**", "C"),
        ("(D)", "D"),
        (r"\boxed{B}", "B"),
        (r"so we get \boxed{\text{C}}", "C"),
        ("I choose option D", "D"),
        ("C is correct", "C"),
        ("The answer: Apples, which is C", "C"),
        ("只有选项B是对的", "B"),
        ("说法正确的是D", "D"),
        ("nothing here", None),
        ("", None),
        ("E", None),
    ],
)
def test_first_option(text, letter):
    assert first_option(text, "ABCD") == letter


def test_the_form_decides_and_not_the_place():
    assert first_option("A would be wrong. 答案是 C", "ABCD") == "C"


def test_first_capital():
    assert first_capital("我选B，不选A", "ABCD") == "B"
    assert first_capital("Because", "ABCD") == "B"
    assert first_capital("选Ｃ", "ABCD") == "C"
    assert first_capital("none", "ABCD") is None


def test_answer_is_first_and_last():
    text = "So the answer is (A).\nQ: next\nA: So the answer is (B)."
    assert after_answer_is(text).startswith("(A)") and after_answer_is(text, last=True) == "(B)."
    assert bbh_option(text) == "A" and bbh_option("the answer is B.") == "B" and bbh_option("it is") is None
    assert bbh_text("So the answer is False.\nQ: more") == "False"
    assert bbh_text("the answer is ] ) .") == "] )"
    assert after_answer_is("none") == "none"


def test_a_long_text_takes_no_time():
    assert first_option("选择" * 100_000 + "\n答案是B", "ABCD") == "B"
