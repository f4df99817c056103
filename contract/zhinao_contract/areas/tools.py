"""Tool calls: chosen, forced, forbidden, streamed, answered."""

import json

from zhinao_contract import schema
from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, equal, expect, kind, one_of, refused, short, text
from zhinao_contract.server import Server

PLACE = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Beijing", "Shanghai"]},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}


def _tool(name: str) -> dict:
    return {"type": "function", "function": {"name": name, "description": "Current weather.", "parameters": PLACE}}


TOOLS = [_tool("get_weather"), _tool("get_forecast")]
NAMES = ("get_weather", "get_forecast")
ASK = "What is the weather in Beijing in celsius? Use the tool."
NAMED = {"type": "function", "function": {"name": "get_forecast"}}


def _call(server: Server, choice="required", **fields) -> dict:
    answer = server.chat(ASK, **{"tools": TOOLS, "tool_choice": choice, "max_tokens": 300, **fields})
    calls = answer.message().get("tool_calls")
    expect(calls, f"there is no tool call: {short(answer.message())}", f"没有工具调用：{short(answer.message())}")
    return calls[0]


def _arguments(call: dict) -> dict:
    kind("function.arguments", call["function"].get("arguments"), str)
    value = json.loads(call["function"]["arguments"])
    kind("the arguments", value, dict)
    return value


@check("tools.auto", "M", "tools are taken; there is an answer or a proper call")
def auto(server: Server):
    for fields in ({}, {"tool_choice": "auto"}):
        answer = server.chat(ASK, tools=TOOLS, max_tokens=100, **fields)
        calls = answer.message().get("tool_calls") or []
        expect(calls or answer.whole(), "neither text nor call", "既无文本也无调用")
        for call in calls:
            one_of("function.name", call["function"]["name"], NAMES)
        equal("finish_reason is tool_calls", answer.finish() == "tool_calls", bool(calls))


@check("tools.none", "M", "tool_choice none makes no call")
def none(server: Server):
    answer = server.chat(ASK, tools=TOOLS, tool_choice="none", max_tokens=60)
    expect(
        not answer.message().get("tool_calls"),
        f"a call: {short(answer.message())}",
        f"出现调用：{short(answer.message())}",
    )
    one_of("finish_reason", answer.finish(), ("stop", "length"))


@check("tools.required", "M", "tool_choice required makes a call of a known tool")
def required(server: Server):
    one_of("function.name", _call(server)["function"]["name"], NAMES)


@check("tools.named", "M", "a named tool is the one that is called")
def named(server: Server):
    equal("function.name", _call(server, NAMED)["function"]["name"], "get_forecast")


@check(
    "tools.shape",
    "M",
    "a call has an id, the type function and arguments as a JSON string",
)
def shape(server: Server):
    call = _call(server)
    text("tool_calls[0].id", call.get("id"))
    equal("tool_calls[0].type", call.get("type"), "function")
    _arguments(call)


@check("tools.arguments", "S", "the arguments keep the tool's schema")
def arguments(server: Server):
    for choice in ("required", NAMED):
        value = _arguments(_call(server, choice))
        broken = schema.broken(value, PLACE)
        expect(not broken, f"{short(value)} breaks the schema: {broken}", f"{short(value)} 不符合模式：{broken}")


@check("tools.finish", "M", "finish_reason is tool_calls")
def finish(server: Server):
    answer = server.chat(ASK, tools=TOOLS, tool_choice="required", max_tokens=300)
    equal("finish_reason", answer.finish(), "tool_calls")


@check("tools.ids-differ", "S", "two calls have different ids")
def ids_differ(server: Server):
    ids = {_call(server)["id"] for _ in range(2)}
    equal("the number of ids", len(ids), 2)


@check("tools.stream", "M", "streamed deltas add up to a proper call")
def stream(server: Server):
    seen = server.chat_stream(ASK, tools=TOOLS, tool_choice="required", max_tokens=300)
    calls = seen.tool_calls()
    expect(
        calls,
        f"there is no tool call; the text is {short(seen.whole())}",
        f"没有工具调用，文本为 {short(seen.whole())}",
    )
    text("tool_calls[0].id", calls[0]["id"])
    equal("tool_calls[0].type", calls[0]["type"], "function")
    one_of("function.name", calls[0]["function"]["name"], NAMES)
    _arguments(calls[0])
    equal("finish_reason", seen.finishes(), ["tool_calls"])


@check(
    "tools.stream-index",
    "M",
    "each delta of a call tells its index, the first its id and name",
)
def stream_index(server: Server):
    seen = server.chat_stream(ASK, tools=TOOLS, tool_choice=NAMED, max_tokens=300)
    pieces = [p for d in seen.deltas() for p in d.get("tool_calls") or []]
    expect(pieces, "there is no tool call", "没有工具调用")
    for piece in pieces:
        kind("tool_calls[].index", piece.get("index"), int)
    text("the first piece's id", pieces[0].get("id"))
    text("the first piece's name", (pieces[0].get("function") or {}).get("name"))


@check("tools.stream-same", "S", "they add up to what comes in one piece")
def stream_same(server: Server):
    streamed = server.chat_stream(ASK, tools=TOOLS, tool_choice=NAMED, max_tokens=300).tool_calls()
    equal(
        "the function", streamed[0]["function"], {k: _call(server, NAMED)["function"][k] for k in ("name", "arguments")}
    )


@check("tools.stream-no-text", "S", "a streamed call shows none of its JSON as text")
def stream_no_text(server: Server):
    seen = server.chat_stream(ASK, tools=TOOLS, tool_choice="required", max_tokens=300)
    expect(
        "get_" not in seen.text() and "<tool_call" not in seen.text(),
        f"the text is {short(seen.text())}",
        f"文本为 {short(seen.text())}",
    )


def _round_trip(result: str, **message) -> list[dict]:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Beijing"}'}}
    return [
        {"role": "user", "content": ASK},
        {"role": "assistant", "tool_calls": [call], **message},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]


@check(
    "tools.result",
    "M",
    "a tool's result is taken, with content null or absent beside the call",
)
def result(server: Server):
    for message in ({"content": None}, {}, {"content": ""}):
        answer = server.chat(_round_trip("sunny, 21 degrees", **message), tools=TOOLS)
        one_of("finish_reason", answer.finish(), ("stop", "length", "tool_calls"))


@check("tools.result-counts", "M", "the result reaches the model")
def result_counts(server: Server):
    counts = [
        server.chat(_round_trip(words, content=None), tools=TOOLS, max_tokens=1).usage["prompt_tokens"]
        for words in ("sunny", "sunny " * 41)
    ]
    expect(
        counts[1] - counts[0] >= 40,
        f"40 words more count {counts[1] - counts[0]}",
        f"多 40 个词只计 {counts[1] - counts[0]}",
    )


@check("tools.listed", "S", "the tools reach the model")
def listed(server: Server):
    with_tools, without = (server.chat(ASK, max_tokens=1, tools=t).usage["prompt_tokens"] for t in (TOOLS, ...))
    expect(
        with_tools > without + 20, f"they count {with_tools - without} tokens", f"只计 {with_tools - without} 个 token"
    )


@check(
    "tools.unknown-name",
    "M",
    "tool_choice of a tool that is not there is a 400",
)
def unknown_name(server: Server):
    choice = {"type": "function", "function": {"name": "no_such_tool"}}
    refused(server.try_chat(ASK, tools=TOOLS, tool_choice=choice), 400, 422, naming=("tool",))


@check("tools.without-list", "S", "tool_choice required without tools is a 400")
def without_list(server: Server):
    refused(server.try_chat(ASK, tool_choice="required"), 400, 422, naming=("tool",))


@check("tools.bad-choice", "M", "an unknown tool_choice is a 400")
def bad_choice(server: Server):
    refused(server.try_chat(ASK, tools=TOOLS, tool_choice="perhaps"), 400, 422, naming=("tool_choice",))


@check("tools.bad-tool", "M", "a tool without a name is a 400")
def bad_tool(server: Server):
    refused(server.try_chat(ASK, tools=[{"type": "function", "function": {}}]), 400, 422, naming=("tools", "name"))


@check(
    "tools.one-at-a-time",
    "S",
    "parallel_tool_calls false makes one call at most",
)
def one_at_a_time(server: Server):
    answer = server.chat(ASK, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, max_tokens=400)
    at_most("the number of calls", len(answer.message().get("tool_calls") or []), 1)
