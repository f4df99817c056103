"""Calls told apart from answer text, wherever it is cut."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhinao.prompt.tool_calls import ToolCallSplitter, parse

ONE = '<tool_call>\n{"name": "f", "arguments": {"a": "</tool_call> {\\"}", "b": [1, {}]}}\n</tool_call>'
TWO = '<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>'
ARGUMENTS = '{"a": "</tool_call> {\\"}", "b": [1, {}]}'


def split(text, size=10**9, **options):
    """Content and calls as a client of the stream gathers them; checks what holds for every stream."""
    splitter = ToolCallSplitter(**options)
    pieces = []
    for at in range(0, len(text), size):
        pieces += splitter.feed(text[at : at + size])
    pieces += splitter.finish()
    assert "".join(piece.raw for piece in pieces) == text
    content, calls = "", []
    for piece in pieces:
        delta = piece.delta() or {}
        content += delta.get("content", "")
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                assert call["index"] == len(calls) and call["type"] == "function"
                assert re.fullmatch(r"call_[0-9a-f]{24}", call["id"])
                calls.append([call["function"]["name"], call["function"]["arguments"]])
            else:
                assert call["index"] == len(calls) - 1
                calls[-1][1] += call["function"]["arguments"]
    assert splitter.num_calls == splitter.num_ended == len(calls)
    return content, [tuple(call) for call in calls]


GOOD = {
    ONE: ("", [("f", ARGUMENTS)]),
    f"\n{ONE}\n{TWO}\n": ("", [("f", ARGUMENTS), ("g", "{}")]),
    f"I look.\n\n{ONE}\n\nDone.\n": ("I look.\n\nDone.", [("f", ARGUMENTS)]),
    f"{ONE} between {TWO}": (" between", [("f", ARGUMENTS), ("g", "{}")]),
    "no call\n": ("no call\n", []),
    " \n": (" \n", []),
    "a <tool_cal> <tool_call": ("a <tool_cal> <tool_call", []),
    # as models also write it: no end tag, no last brace, other keys, other order, arguments as a string or none
    '<tool_call>{"name": "f", "arguments": {"a": 1}}': ("", [("f", '{"a": 1}')]),
    '<tool_call>{"name": "f", "arguments": {"a": 1}</tool_call>x': ("x", [("f", '{"a": 1}')]),
    '<tool_call>{"name": "f", "arguments": {"a": 1}, "id": {"x": "}"}} </tool_call>x': ("x", [("f", '{"a": 1}')]),
    '<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>': ("", [("f", '{"a": 1}')]),
    '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>': ("", [("f", '{"a": 1}')]),
    '<tool_call>{"name": "f"}</tool_call>': ("", [("f", "{}")]),
    '<tool_call>{"name": "f", "arguments": null}</tool_call>': ("", [("f", "{}")]),
    '<tool_call>{"name": "f", "arguments": {}}\n<tool_call>{"name": "g", "arguments": {}}': ("", [("f", "{}"), ("g", "{}")]),
    '<tool_call>{"name": "f", "arguments": {}} and on': (" and on", [("f", "{}")]),
}  # fmt: skip
NO_CALLS = [
    "The tag <tool_call> opens a call.",
    "<tool_call></tool_call>",
    "x <tool_call>\n{'name': 'f', 'arguments': {}}\n</tool_call> y",
    '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
    '<tool_call>{"name": "f", "arguments": "[1]"}</tool_call>',
    '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
    '<tool_call>{"name": "", "arguments": {}}</tool_call>',
    '<tool_call>{"name": "f", "argu',
    '<tool_call>{"name": "f" "arguments": {}}</tool_call>',
    '<tool_call>{"name": "f"\n</tool_call>',
    "<tool_call>[1]</tool_call>",
    '<tool_call>{"name": "\\x", "arguments": {}}',
    "a\n<tool_call>\n",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10**9])
@pytest.mark.parametrize("text", GOOD)
def test_calls_at_any_cut(text, size):
    assert split(text, size) == GOOD[text]
    content, calls = parse(text)
    assert (content, [(c["function"]["name"], c["function"]["arguments"]) for c in calls]) == GOOD[text]


@pytest.mark.parametrize("size", [1, 5, 10**9])
@pytest.mark.parametrize("text", NO_CALLS)
def test_what_is_no_call_stays_content(text, size):
    assert split(text, size) == (text, [])
    assert parse(text) == (text, [])


@pytest.mark.parametrize("size", [1, 4, 10**9])
def test_a_call_after_one_that_was_none(size):
    text = f"<tool_call>oops {ONE}"
    assert split(text, size) == ("<tool_call>oops", [("f", ARGUMENTS)])
    assert split(f'<tool_call>{{"name": "{ONE}', size) == ('<tool_call>{"name": "', [("f", ARGUMENTS)])


@pytest.mark.parametrize("size", [50, 10**9])
def test_many_tags_cost_no_more_than_their_length(size):
    text = '<tool_call>{"\\"' * 5_000
    assert split(text, size) == (text, [])


def test_arguments_come_as_they_are_written():
    splitter = ToolCallSplitter()
    assert splitter.feed('<tool_call>{"name": "f", "arguments": ') == []
    start, first = splitter.feed('{"city": "北')
    assert start.name == "f" and first.text == '{"city": "北'
    assert [piece.text for piece in splitter.feed('京"')] == ['京"']
    assert [piece.text for piece in splitter.feed("}}")] == ["}"]
    assert [piece.kind for piece in splitter.feed("</tool_call>")] == ["end"]
    assert splitter.num_ended == 1


def test_content_is_not_held_back_longer_than_needed():
    splitter = ToolCallSplitter()
    assert [piece.text for piece in splitter.feed("a b <")] == ["a b"]
    assert [piece.text for piece in splitter.feed("too")] == []
    assert [piece.text for piece in splitter.feed("th")] == [" <tooth"]
    assert [piece.text for piece in splitter.feed("<tool_call>x")] == ["<tool_call>", "x"]


def test_only_tools_that_exist():
    other = ONE.replace('"f"', '"h"')
    assert split(f"{other}{TWO}", names=("f", "g")) == (other, [("g", "{}")])
    assert parse(other, ("f", "g")) == (other, [])
    reordered = '<tool_call>{"arguments": {}, "name": "h"}</tool_call>'
    assert parse(reordered, ("f", "g")) == (reordered, [])


@pytest.mark.parametrize("size", [1, 10**9])
def test_a_cut_call(size):
    text = 'x <tool_call>{"name": "f", "arguments": {"a": "long'
    assert split(text, size) == ("x", [("f", '{"a": "long')])
    content, [call] = parse(text, is_cut=True)
    assert content == "x" and call["function"] == {"name": "f", "arguments": '{"a": "long'}
    assert parse(text) == (text, [])  # it ended by itself: no call


def test_bad_arguments_go_back_where_nothing_was_sent_yet():
    bad = '<tool_call>\n{"name": "f", "arguments": {"a": 1,}}\n</tool_call>'
    assert split(bad, 1) == ("", [("f", '{"a": 1,}')])  # a stream has sent them: as the model wrote them
    assert parse(bad) == (bad, [])
    content, [call] = parse(f"x\n{bad}\n{TWO}")
    assert content == f"x\n{bad}" and call["function"]["name"] == "g"
    torn = '<tool_call>{"name": "f", "arguments": {"a": </tool_call> rest'
    assert split(torn, 1) == (" rest", [("f", '{"a": ')])
    assert parse(torn) == (torn, [])


def test_bare_calls_of_a_grammar():
    bare = '{"name": "f", "arguments": {"a": 1}}'
    for size in (1, 10**9):
        assert split(bare, size, is_bare=True) == ("", [("f", '{"a": 1}')])
        assert split("Sorry.", size, is_bare=True) == ("Sorry.", [])
        assert split(ONE, size, is_bare=True) == ("", [("f", ARGUMENTS)])
    assert parse(bare, is_bare=True)[1][0]["function"]["arguments"] == '{"a": 1}'


parts = st.lists(st.sampled_from([ONE, TWO, "<tool_call>", "</tool_call>", "{", "}", '"', "\\", ",", "\n", "x", '{"name": "f", "arguments": ', "<"]), max_size=8)  # fmt: skip


@given(parts.map("".join), st.integers(1, 9))
@settings(deadline=None)
def test_any_cut_gives_the_same_and_nothing_is_lost(text, size):
    assert split(text, size) == split(text)
    content, calls = parse(text)
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in calls)
    assert calls or content == text


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_what_follows_the_most_calls_is_passed_over(cut):
    call = '<tool_call>{"name": "f", "arguments": {"n": %d}}</tool_call>'
    text = f"Well. {call % 1}\n{call % 2} bye"
    splitter = ToolCallSplitter(most=1)
    pieces = [piece for n in range(0, len(text), cut) for piece in splitter.feed(text[n : n + cut])] + splitter.finish()
    assert splitter.num_calls == 1 and "".join(piece.raw for piece in pieces) == text
    assert "".join(piece.text for piece in pieces if piece.kind == "arguments") == '{"n": 1}'
    assert "".join(piece.text for piece in pieces if piece.kind == "content") == "Well."


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_in_a_form_a_call_stands_at_the_beginning_or_nowhere(size):
    within = '{"a": "<tool_call>{\\"name\\": \\"f\\", \\"arguments\\": {}}</tool_call>"}'
    for text in (within, f" {within} ", f"x{ONE}", "<tool_cal", '<tool_call>{"name": 5}' + ONE):
        assert split(text, size, is_form=True) == (text, [])
    for text in (ONE, f"\n {ONE}\n{TWO}"):
        assert len(split(text, size, is_form=True)[1]) == text.count("<tool_call>")
