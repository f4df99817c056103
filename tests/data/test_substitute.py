"""`{{name}}` in all texts of a sample, and nothing else."""

import pytest

from zhinao.data.encode.substitute import parse, placeholders, substitute
from zhinao.data.sample import Place, Sample
from zhinao.errors import UsageError

PLACE = Place("a.jsonl", 1, 1)


def test_every_text_is_filled_and_the_sample_is_not_changed():
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": "{{name}}"}'}}
    message = {"role": "assistant", "content": "{{ name }}, {{author}}, {{x}} {name} {{{name}}}", "tool_calls": [call]}
    sample = Sample("chat", PLACE, [message | {"reasoning_content": "{{name}}", "weight": 0.5}])
    filled = substitute(sample, {"name": "智脑", "author": r"\1 {{x}}"})
    assert filled.messages[0]["content"] == "智脑, \\1 {{x}}, {{x}} {name} {智脑}"
    assert filled.messages[0]["reasoning_content"] == "智脑"
    assert filled.messages[0]["weight"] == 0.5
    assert filled.messages[0]["tool_calls"][0]["function"]["arguments"] == '{"a": "智脑"}'
    assert sample.messages[0]["content"].startswith("{{ name }}")
    assert placeholders(sample) == {"name", "author", "x"}


def test_all_kinds():
    answer = [{"role": "assistant", "content": "{{n}}"}]
    for sample in (
        Sample("text", PLACE, text="{{n}}"),
        Sample("completion", PLACE, prompt="{{n}}", completion="{{n}}"),
        Sample("preference", PLACE, answer, [{"function": {"description": "{{n}}"}}], answer, answer),
    ):
        assert placeholders(sample) == {"n"}
        assert placeholders(substitute(sample, {"n": "x"})) == set()


def test_a_sample_without_placeholders_stays_what_it_is():
    sample = Sample("text", PLACE, text="{{other}} {{}} {{a b}}")
    assert substitute(sample, {"name": "x"}) is sample
    assert substitute(sample, {}) is sample
    assert placeholders(sample) == {"other"}


def test_words_of_the_flag():
    assert parse(["name=智脑", "url=http://x/?a=b", "empty="]) == {"name": "智脑", "url": "http://x/?a=b", "empty": ""}
    for words, expected in ((["name"], "must be name=value"), (["=x"], "must be"), (["a=1", "a=2"], "given twice")):
        with pytest.raises(UsageError, match=expected):
            parse(words)
