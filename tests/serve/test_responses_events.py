"""Answers of the chat API as objects and streams of the Responses API, checked by the `openai` package where it is there."""

import json

import pytest

from zhinao.serve.errors import ApiError
from zhinao.serve.openai.responses.events import ResponseEvents, ResponsesShape
from zhinao.serve.openai.responses.object import from_chat

BODY = {
    "model": "m",
    "input": "x",
    "instructions": "Be short.",
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "metadata": {"a": "b"},
    "temperature": 0.5,
}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "completion_tokens_details": {"reasoning_tokens": 3},
    "prompt_tokens_details": {"cached_tokens": 2},
}
HEAD = {"id": "chatcmpl-ab12", "created": 1700000000, "model": "m"}
LOGPROB = {"token": "3", "logprob": -0.5, "bytes": [51], "top_logprobs": []}


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, **more}]
    return {**HEAD, "object": "chat.completion.chunk", "choices": choices}


def calling(index, id=None, name=None, arguments=""):
    begin = {"id": id, "type": "function"} if id else {}
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"index": index, **begin, "function": function}]}


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Hm", "reasoning": "Hm"}),
    chunk({"reasoning_content": "…", "reasoning": "…"}),
    chunk({}, note="for people"),
    chunk({"content": "I "}),
    chunk({"content": "look."}),
    chunk(calling(0, "call_1", "f")),
    chunk(calling(0, arguments='{"a"')),
    chunk(calling(0, arguments=": 1}")),
    chunk(calling(1, "call_2", "f", "{}")),
    chunk({}, "tool_calls"),
    {**chunk(), "usage": USAGE, "timings": {"seconds": 1.0}},
]
ANSWER = {
    **HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "I look.",
                "reasoning_content": "Hm…",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                    {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ],
            },
        }
    ],
    "usage": USAGE,
    "timings": {"seconds": 1.0},
}


def streamed(chunks, body=BODY):
    events = ResponseEvents(body)
    return [event for one in chunks for event in events.feed(one)] + events.finish()


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def without_time(response):
    return {name: value for name, value in response.items() if name != "completed_at"}


def test_the_whole_sequence():
    events = streamed(CHUNKS)
    assert kinds(events) == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]
    assert len({event["item"]["id"] for event in added}) == 4
    for event in events:
        if "item_id" in event:
            assert event["item_id"] == added[event["output_index"]]["item"]["id"]
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["output"] == []
    assert added[0]["item"]["content"] == [] and added[2]["item"]["arguments"] == ""
    part = next(event["part"] for event in events if event["type"] == "response.content_part.added")
    assert part == {"type": "reasoning_text", "text": ""}


def test_a_stream_ends_in_the_object_of_an_answer_at_once():
    whole, last = from_chat(BODY, ANSWER), streamed(CHUNKS)[-1]["response"]
    assert without_time(last) == without_time(whole)
    assert whole["status"] == "completed" and whole["completed_at"] >= whole["created_at"]
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message", "function_call", "function_call"]
    assert whole["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 12,
    }
    assert whole["id"] == "resp_ab12" and whole["instructions"] == "Be short." and whole["metadata"] == {"a": "b"}
    assert whole["temperature"] == 0.5 and whole["store"] is False and whole["timings"] == {"seconds": 1.0}


def test_an_answer_cut_by_the_length():
    for chunks, kind in (
        ([chunk({"content": "Hel"}), chunk({}, "length")], "message"),
        ([chunk({"reasoning_content": "Hm"}), chunk({}, "length")], "reasoning"),
    ):
        events = streamed(chunks)
        response = events[-1]["response"]
        assert events[-1]["type"] == "response.incomplete" and response["status"] == "incomplete"
        assert response["incomplete_details"] == {"reason": "max_output_tokens"}
        assert [(item["type"], item["status"]) for item in response["output"]] == [(kind, "incomplete")]
    message = {"role": "assistant", "content": "Hel"}
    answer = {**ANSWER, "choices": [{"index": 0, "finish_reason": "length", "message": message}]}
    assert from_chat({}, answer)["output"][0]["status"] == "incomplete"


def test_an_empty_answer_has_a_message():
    events = streamed([chunk({"content": ""}), chunk({}, "stop")])
    assert kinds(events)[2:5] == ["output_item.added", "content_part.added", "output_text.done"]
    answer = {**ANSWER, "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": ""}}], "usage": None}
    for response in (events[-1]["response"], from_chat({}, answer)):
        assert [item["content"][0]["text"] for item in response["output"]] == [""]


def test_logprobs_go_with_their_text():
    events = streamed(
        [chunk({"content": "3"}, logprobs={"content": [LOGPROB]}), chunk({"content": "!"}), chunk({}, "stop")]
    )
    deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == [[LOGPROB], []]
    added = next(event for event in events if event["type"] == "response.content_part.added")
    assert added["part"]["logprobs"] == []
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == [LOGPROB]


def test_text_that_was_a_thought_after_all():
    chunks = [
        chunk({"content": "Hm"}),
        chunk({"reasoning_content": "Hm"}, reclassified=True),
        chunk({"content": "3"}),
        chunk({}, "stop"),
    ]
    assert [item["type"] for item in streamed(chunks)[-1]["response"]["output"]] == ["message", "reasoning", "message"]


def test_a_failure_keeps_what_there_is():
    events = ResponseEvents(BODY)
    for one in CHUNKS[:6]:
        events.feed(one)
    [failed] = events.fail("server_error", "the engine was restarted")
    assert failed["type"] == "response.failed" and failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "the engine was restarted"}
    assert [(item["type"], item["status"]) for item in failed["response"]["output"]] == [
        ("reasoning", "completed"),
        ("message", "incomplete"),
    ]
    assert failed["response"]["output"][1]["content"][0]["text"] == "I look."


def read(stream):
    """Events of a stream's bytes; the name in `event:` is the type."""
    blocks = stream.decode().split("\n\n")
    assert blocks.pop() == ""
    events = []
    for block in blocks:
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def test_bytes():
    shape = ResponsesShape(BODY)
    data = shape.encode(CHUNKS[:3]) + shape.encode([]) + shape.encode(CHUNKS[3:]) + shape.finish()
    assert kinds(read(data)) == kinds(streamed(CHUNKS))
    assert "…".encode() in data
    failing = ResponsesShape(BODY)
    failing.encode(CHUNKS[:1])
    [failed] = read(failing.failure(ApiError(429, "too much")))
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "too much"}
    assert without_time(shape.whole(ANSWER)) == without_time(from_chat(BODY, ANSWER))


def test_the_openai_package_reads_it():
    pytest.importorskip("openai")
    from openai.types.responses import Response, ResponseStreamEvent
    from pydantic import TypeAdapter

    logged = [chunk({"content": "3"}, logprobs={"content": [LOGPROB]}), chunk({}, "length")]
    failing = ResponseEvents(BODY)
    failing.feed(CHUNKS[0])
    events = TypeAdapter(ResponseStreamEvent)
    for event in [*streamed(CHUNKS), *streamed(logged, {}), *failing.fail("server_error", "x")]:
        assert type(events.validate_python(event)).model_fields["type"].annotation.__args__ == (event["type"],)
    response = Response.model_validate(from_chat(BODY, ANSWER))
    assert response.output_text == "I look." and response.output[2].arguments == '{"a": 1}'
