"""What clients send back of earlier turns, as they send it: accepted, and none of its words lost."""

import copy

import pytest

from zhinao.errors import UsageError
from zhinao.prompt.history import mended
from zhinao.prompt.messages import normalized

ASK = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def read(*messages):
    before = copy.deepcopy(messages)
    result = normalized(mended([ASK, *messages]))[1:]
    assert messages == before
    return result


@pytest.mark.parametrize(
    "turn, content",
    [
        ({"content": None}, ""),
        ({}, ""),
        ({"content": "", "tool_calls": []}, ""),
        ({"content": None, "tool_calls": []}, ""),
        ({"content": None, "tool_calls": None, "function_call": None, "audio": None, "refusal": None}, ""),
        ({"content": None, "refusal": "No."}, "No."),
        ({"content": "x", "refusal": None, "annotations": [], "reasoning_content": None, "reasoning": None}, "x"),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "No."),
        ({"content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": []}, ""),
        ({"content": None, "name": None, "provider_specific_fields": None}, ""),
    ],
)
def test_an_assistant_turn_without_words(turn, content):
    (read_back,) = read({"role": "assistant", **turn})
    assert read_back["content"] == content and not read_back.get("tool_calls")


def test_thoughts_as_parts():
    parts = [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "a"}]
    (turn,) = read({"role": "assistant", "content": parts})
    assert (turn["reasoning_content"], turn["content"]) == ("hm", "a")


def test_calls_with_null_fields_and_answers_of_all_kinds():
    answers = [None, "", [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}], []]
    for answer in answers:
        call = {**CALL, "index": 0, "type": None}
        turns = read({"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": answer})
        assert turns[0]["tool_calls"][0]["function"]["name"] == "f"
        assert turns[1]["content"] == ("ab" if answer else "")
    named = {"role": "tool", "tool_call_id": "c1", "name": "f"}
    assert read({"role": "assistant", "tool_calls": [CALL]}, named)[1]["content"] == ""


def test_calls_in_the_older_form():
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}}
    turn, answer = read(call, {"role": "function", "name": "f", "content": "5"})
    assert turn["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert (answer["role"], answer["content"]) == ("tool", "5")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": None},
        {"role": "user"},
        {"role": "system", "content": None},
        {"role": "assistant", "content": 5},
        {"role": "assistant", "content": [{"type": "text"}]},
        {"role": "assistant", "content": [{"type": "input_audio"}]},
        {"role": "assistant", "tool_calls": "x"},
        {"role": "assistant", "tool_calls": [5]},
        {"role": "assistant", "function_call": "x"},
        {"role": "tool", "content": {"a": 1}},
        {"role": "tool", "tool_call_id": "unknown"},
        5,
    ],
)
def test_what_cannot_be_meant_is_still_refused(message):
    with pytest.raises(UsageError, match="Message 2"):
        read(message)


def test_no_list_stays_what_it_was():
    for messages in ("x", None, {"role": "user"}, 5):
        assert mended(messages) is messages
