"""A chat answer that is not streamed: its fields and their types."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, expect, kind, one_of, text
from zhinao_contract.server import STORY, Server


@check("shape.object", "M", "`object` is chat.completion")
def object_name(server: Server):
    equal("object", server.chat().json().get("object"), "chat.completion")


@check("shape.id", "M", "each answer has an id of its own")
def own_id(server: Server):
    ids = [server.chat().json().get("id") for _ in range(2)]
    text("id", ids[0])
    expect(ids[0] != ids[1], f"two answers have the id {ids[0]}", f"两个回答的 id 同为 {ids[0]}")


@check("shape.created", "M", "`created` is a time in whole seconds")
def created(server: Server):
    seen = server.chat().json().get("created")
    kind("created", seen, int)
    expect(
        10**9 < seen < 10**10, f"created is {seen}, not seconds since 1970", f"created 为 {seen}，不是 1970 年起的秒数"
    )


@check("shape.model", "M", "`model` repeats the name that was asked for")
def model(server: Server):
    equal("model", server.chat().json().get("model"), server.model)


@check(
    "shape.choice",
    "M",
    "one choice: index 0, an assistant's message with text",
)
def choice(server: Server):
    choices = server.chat(STORY).json().get("choices")
    kind("choices", choices, list)
    equal("len(choices)", len(choices), 1)
    equal("choices[0].index", choices[0].get("index"), 0)
    message = choices[0].get("message")
    kind("choices[0].message", message, dict)
    equal("message.role", message.get("role"), "assistant")
    expect("content" in message, "message has no content", "message 没有 content")
    text("content or reasoning", message["content"] or message.get("reasoning_content") or message.get("reasoning"))


@check("shape.no-delta", "M", "an answer that is not streamed has no `delta`")
def no_delta(server: Server):
    expect("delta" not in server.chat().choices[0], "choices[0] has a delta", "choices[0] 带有 delta")


@check(
    "shape.finish-length",
    "M",
    "an answer that was cut says finish_reason length",
)
def finish_length(server: Server):
    equal("finish_reason", server.chat(STORY, max_tokens=4).finish(), "length")


@check("shape.finish-known", "M", "finish_reason is one that clients know")
def finish_known(server: Server):
    one_of("finish_reason", server.chat("Say hi.", max_tokens=64).finish(), ("stop", "length"))


@check("shape.usage", "M", "usage: three whole numbers, two of which add up")
def usage(server: Server):
    usage = server.chat().json().get("usage")
    kind("usage", usage, dict)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        kind(f"usage.{name}", usage.get(name), int)
        at_least(f"usage.{name}", usage[name], 1)
    equal("usage.total_tokens", usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])


@check("shape.content-type", "M", "the content type is application/json")
def content_type(server: Server):
    seen = server.chat().headers.get("content-type", "")
    expect(seen.startswith("application/json"), f"content-type is {seen!r}", f"content-type 为 {seen!r}")


@check(
    "shape.stream-false",
    "M",
    "`stream` false or null is as if it were not there",
)
def stream_false(server: Server):
    for value in (False, None):
        equal("object", server.chat(stream=value).json().get("object"), "chat.completion")


@check(
    "shape.timings",
    "C",
    "`timings` tells seconds to the first token and tokens per second",
)
def timings(server: Server):
    seen = server.chat(STORY).json().get("timings")
    kind("timings", seen, dict)
    for names in (("first_token_seconds", "prompt_ms"), ("tokens_per_second", "predicted_per_second")):
        value = next((seen[name] for name in names if name in seen), None)
        kind(f"timings.{names[0]}", value, int, float)
