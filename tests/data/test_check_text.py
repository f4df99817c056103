import pytest

from zhinao.data.check import text as check_text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("春天来了，花开了。", "zh"),
        ("Spring has come.", "en"),
        ("请用 Python 写一个 hello 函数", "zh"),
        ("The word 你好 means hello to people.", "en"),
        ("春が来て、花が咲きました。", "other"),
        ("Весна пришла, цветы цветут.", "other"),
        ("봄이 왔어요 꽃이 피었어요", "other"),
        ("1 + 1 = 2", "none"),
        ("```\nfor x in range(10): print(x)\n```", "none"),
        ("$\\frac{a}{b} + alpha$", "none"),
        ("", "none"),
    ],
)
def test_language(text, language):
    assert check_text.language(text) == language


def test_too_few_words_tell_no_language():
    assert check_text.language("OK thanks", 4) == "none"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, World!", "hello world"),
        ("你好，世界。", "你好世界"),
        ("Ｆｕｌｌ　width", "full width"),
        ("a\n\n b", "a b"),
    ],
)
def test_normalized_alike(one, other):
    assert check_text.normalized(one) == check_text.normalized(other)


@pytest.mark.parametrize(
    ("one", "other"), [("3 + 2", "3 - 2"), ("1.5", "15"), ("3:2", "32"), ("5!", "5"), ("(a)b", "a(b)")]
)
def test_what_calculates_is_not_alike(one, other):
    assert check_text.normalized(one) != check_text.normalized(other)


def test_markers():
    assert check_text.markers("a<|im_end|>b<|im_start|>c<|im_end|>", ()) == ["<|im_end|>", "<|im_start|>"]
    assert check_text.markers("x <own> y", ("<own>",)) == ["<own>"]
    assert check_text.markers("<think>a</think> [INST", ("<think>", "</think>")) == []


@pytest.mark.parametrize("text", ["I am {{name}}.", "{{ your name }}", "我是{{名字}}。", "{{author}}{{name}}"])
def test_placeholders_are_found(text):
    assert check_text.placeholders(text)


@pytest.mark.parametrize(
    "text", ["`{{name}}`", "```\n<p>{{name}}</p>\n```", "\\frac{{a}}{{b}}", "x^{{n}}", "{{1}}", "{{{name}}}", "{name}"]
)
def test_what_is_no_placeholder(text):
    assert check_text.placeholders(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<think>a</think>b", None),
        ("no thought", None),
        ("it writes `<think>` first", None),
        ("<think>a", "unbalanced"),
        ("<think>a<think>b</think>", "unbalanced"),
        ("a</think>b", "unopened"),
    ],
)
def test_thoughts(text, fault):
    assert check_text.thought_fault(text) == fault


def test_broken_characters_are_named_once():
    assert check_text.broken_characters("a\ufffdb\ufffd\x00\ud800") == ["U+FFFD", "U+0000", "U+D800"]
    assert check_text.broken_characters("tab\t line\r\n 😀") == []
