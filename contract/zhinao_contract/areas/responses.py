"""The Responses API, stateless: create, stream, and the fields that are refused."""

import json

from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, kind, one_of, refused, short, skip, text
from zhinao_contract.server import Server

PATH = "/v1/responses"


def _body(server: Server, **fields) -> dict:
    return {"model": server.model, "input": "Say hi.", "temperature": 0, "max_output_tokens": 24, **fields}


def _create(server: Server, **fields) -> dict:
    server.needs(PATH)
    reply = server.post(PATH, _body(server, **fields))
    expect(
        reply.status == 200,
        f"status is {reply.status}: {short(reply.text())}",
        f"状态为 {reply.status}：{short(reply.text())}",
    )
    return reply.json()


def _text(response: dict) -> str:
    return "".join(
        part.get("text", "")
        for item in response.get("output") or []
        for part in item.get("content") or []
        if item.get("type") == "message" and part.get("type") == "output_text"
    )


@check("responses.route", "S", "`POST /v1/responses` is there")
def route(server: Server):
    equal("status", server.post(PATH, _body(server)).status, 200)


@check("responses.shape", "S", "id, object, status, model and an output message")
def shape(server: Server):
    response = _create(server)
    text("id", response.get("id"))
    equal("object", response.get("object"), "response")
    one_of("status", response.get("status"), ("completed", "incomplete"))
    equal("model", response.get("model"), server.model)
    kind("output", response.get("output"), list)
    messages = [item for item in response["output"] if item.get("type") == "message"]
    expect(
        messages,
        f"no message in the output: {short(response['output'])}",
        f"输出中没有消息：{short(response['output'])}",
    )
    equal("the message's role", messages[0].get("role"), "assistant")
    text("the output text", _text(response))


@check("responses.usage", "S", "usage: input, output and total tokens")
def usage(server: Server):
    usage = _create(server).get("usage")
    kind("usage", usage, dict)
    equal("usage.total_tokens", usage.get("total_tokens"), usage.get("input_tokens") + usage.get("output_tokens"))


@check("responses.input-list", "S", "input may be a list of messages")
def input_list(server: Server):
    listed = [{"role": "user", "content": [{"type": "input_text", "text": "Say hi."}]}]
    equal("the text", _text(_create(server, input=listed)), _text(_create(server)))


@check("responses.instructions", "S", "instructions reach the model")
def instructions(server: Server):
    few, many = (_create(server, instructions="fox " * n)["usage"]["input_tokens"] for n in (1, 41))
    expect(many - few >= 40, f"40 words more count {many - few}", f"多 40 个词只计 {many - few}")


@check("responses.incomplete", "S", "a cut answer is incomplete and says why")
def incomplete(server: Server):
    response = _create(server, input="Write a long story.", max_output_tokens=4)
    equal("status", response.get("status"), "incomplete")
    equal("incomplete_details.reason", (response.get("incomplete_details") or {}).get("reason"), "max_output_tokens")


def _events(server: Server) -> list[tuple[str, dict]]:
    """Pairs of the event's name and its data."""
    server.needs(PATH)
    stream = server.stream(PATH, _body(server, stream=True))
    events = []
    for frame in stream.frames:
        lines = dict(line.split(b": ", 1) for line in frame.strip(b"\n").split(b"\n") if b": " in line)
        if lines.get(b"data") not in (None, b"[DONE]"):
            events.append((lines.get(b"event", b"").decode(), json.loads(lines[b"data"])))
    if not events:
        skip("nothing was streamed", "没有流式内容")
    return events


@check(
    "responses.stream",
    "S",
    "a stream begins with response.created and ends with response.completed or incomplete",
)
def stream(server: Server):
    events = _events(server)
    equal("the first event", events[0][1].get("type"), "response.created")
    one_of("the last event", events[-1][1].get("type"), ("response.completed", "response.incomplete"))


@check("responses.stream-names", "S", "each event's name is its type")
def stream_names(server: Server):
    for name, data in _events(server):
        equal("event", name, data.get("type"))


@check("responses.stream-numbers", "S", "sequence_number counts up")
def stream_numbers(server: Server):
    seen = [data.get("sequence_number") for _, data in _events(server)]
    equal("sequence_number", seen, list(range(seen[0] or 0, (seen[0] or 0) + len(seen))))


@check("responses.stream-text", "S", "the deltas joined are the final text")
def stream_text(server: Server):
    events = _events(server)
    joined = "".join(data["delta"] for _, data in events if data.get("type") == "response.output_text.delta")
    text("the joined deltas", joined)
    equal("the joined deltas", joined, _text(events[-1][1]["response"]))


@check(
    "responses.previous",
    "C",
    "previous_response_id of an answer that is not kept is a 400 or 404",
)
def previous(server: Server):
    server.needs(PATH)
    refused(server.post(PATH, _body(server, previous_response_id="resp_not_there")), 400, 404, 422)


@check("responses.missing-input", "S", "no input is a 400 that names it")
def missing_input(server: Server):
    server.needs(PATH)
    refused(server.post(PATH, {"model": server.model}), 400, 422, naming=("input",))
