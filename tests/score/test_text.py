import pytest

from zhinao.score import text as t


def test_general_postprocess():
    assert t.general_postprocess("The cat, and more") == "cat"
    assert t.general_postprocess("an 'apple' a day\nmore") == "apple day"
    assert t.general_postprocess("苹果。梨") == "苹果梨"
    assert t.exact("The cat.", "cat\nQ:") and not t.exact("Cat", "cat")


@pytest.mark.parametrize("text, word", [("  signs. He", "signs"), ("don't", "don"), ("", ""), ("door\n", "door")])
def test_first_word(text, word):
    assert t.first_word(text) == word


@pytest.mark.parametrize(
    "text, number",
    [
        ("so 1,234 apples.", "1234"),
        ("The answer is 72.\n\nQuestion: 5 + 5", "72"),
        ("it is -3.50 dollars", "-3.50"),
        ("none", None),
    ],
)
def test_last_number(text, number):
    assert t.last_number(text) == number


def test_same_number():
    assert t.same_number("72", "72.0") and t.same_number("1,000", "1000")
    assert not t.same_number("72", None) and not t.same_number("72", "72.5") and not t.same_number("seventy", "70")


def test_lcsts_summary():
    assert t.lcsts_summary("1. 上海，今天下雨。\n更多") == "上海今天下雨"
    assert t.lcsts_summary("- 新闻！") == "新闻"


def test_rouge_chinese_1():
    pytest.importorskip("jieba"), pytest.importorskip("rouge_chinese")
    assert t.rouge_chinese_1("今天天气", "今天天气") == pytest.approx(1, abs=1e-6)
    # two of three words, two of two words: P 2/3, R 1, F 0.8
    assert t.rouge_chinese_1("上海 北京 苹果", "上海 北京") == pytest.approx(0.8, abs=1e-4)
    assert t.rouge_chinese_1("", "北京") == 0 and t.rouge_chinese_1("。，", "北京") == 0
