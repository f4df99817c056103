"""A streamed answer: server-sent events, the first and the last chunk, and that it says the same as an answer in one piece."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, error_shape, expect, one_of, short
from zhinao_contract.server import CHAT, STORY, Server


@check("stream.content-type", "M", "the content type is text/event-stream")
def content_type(server: Server):
    seen = server.chat_stream().headers.get("content-type", "")
    expect(seen.startswith("text/event-stream"), f"content-type is {seen!r}", f"content-type 为 {seen!r}")


@check("stream.frames", "M", "every event is one `data:` line and a blank line")
def frames(server: Server):
    stream = server.chat_stream()
    expect(stream.body.endswith((b"\n\n", b"\r\n\r\n")), "the last event has no blank line", "最后一个事件后没有空行")
    for frame in stream.frames:
        expect(
            frame.startswith(b"data: ") and b"\n" not in frame.strip(b"\n"),
            f"an event is {short(frame.decode('utf-8', 'replace'))}",
            f"某个事件为 {short(frame.decode('utf-8', 'replace'))}",
        )


@check("stream.done", "M", "`[DONE]` comes once, and last")
def done(server: Server):
    data = server.chat_stream().data
    equal("[DONE]", data.count("[DONE]"), 1)
    equal("the last event", data[-1], "[DONE]")


@check("stream.object", "M", "every chunk's `object` is chat.completion.chunk")
def object_name(server: Server):
    equal("object", {c.get("object") for c in server.chat_stream().chunks}, {"chat.completion.chunk"})


@check("stream.same-id", "M", "all chunks have one id")
def same_id(server: Server):
    ids = {c.get("id") for c in server.chat_stream().chunks}
    expect(len(ids) == 1 and all(ids), f"the ids are {short(list(ids))}", f"id 有 {short(list(ids))}")


@check("stream.own-id", "M", "two streams have different ids")
def own_id(server: Server):
    ids = {server.chat_stream().chunks[0].get("id") for _ in range(2)}
    equal("the number of ids", len(ids), 2)


@check("stream.same-model", "M", "all chunks name the model")
def same_model(server: Server):
    equal("model", {c.get("model") for c in server.chat_stream().chunks}, {server.model})


@check("stream.same-created", "S", "all chunks have one time")
def same_created(server: Server):
    equal("the number of times", len({c.get("created") for c in server.chat_stream(STORY).chunks}), 1)


@check("stream.role", "M", "the first delta tells the role")
def role(server: Server):
    equal("choices[0].delta.role", server.chat_stream().deltas()[0].get("role"), "assistant")


@check("stream.role-once", "S", "later deltas tell no role")
def role_once(server: Server):
    roles = [d["role"] for d in server.chat_stream(STORY).deltas() if d.get("role")]
    equal("the number of roles", len(roles), 1)


@check("stream.finish", "M", "finish_reason is told once, and is one that clients know")
def finish(server: Server):
    finishes = server.chat_stream().finishes()
    equal("the number of finish_reasons", len(finishes), 1)
    one_of("finish_reason", finishes[0], ("stop", "length"))


@check("stream.finish-null", "M", "before the end finish_reason is there and null")
def finish_null(server: Server):
    for part in server.chat_stream(STORY).parts():
        expect("finish_reason" in part, f"a choice has none: {short(part)}", f"某个 choice 没有它：{short(part)}")


@check("stream.after-finish", "M", "nothing is said after finish_reason")
def after_finish(server: Server):
    parts = server.chat_stream(STORY).parts()
    at = next((n for n, part in enumerate(parts) if part.get("finish_reason")), len(parts))
    late = [p for p in parts[at + 1 :] if any((p.get("delta") or {}).values())]
    expect(not late, f"after it came {short(late)}", f"之后还有 {short(late)}")


@check("stream.no-message", "M", "chunks have `delta`, not `message`")
def no_message(server: Server):
    for part in server.chat_stream().parts():
        expect("delta" in part and "message" not in part, f"a choice is {short(part)}", f"某个 choice 为 {short(part)}")


@check("stream.same-text", "M", "a stream says what an answer in one piece says")
def same_text(server: Server):
    stream, answer = server.chat_stream(STORY, max_tokens=32), server.chat(STORY, max_tokens=32)
    equal("the streamed text", stream.whole(), answer.whole())
    equal("finish_reason", stream.finishes()[0], answer.finish())


@check("stream.pieces", "M", "text comes in pieces, while it is made")
def pieces(server: Server):
    stream = server.chat_stream(STORY, max_tokens=64, ignore_eos=True)
    at_least("the number of pieces", len([d for d in stream.deltas() if any(d.values())]), 4)
    expect(
        stream.times[0] < 0.8 * stream.times[-1],
        f"the first byte came after {stream.times[0]:.2f} s, the last after {stream.times[-1]:.2f} s",
        f"首字节在 {stream.times[0]:.2f} 秒，末字节在 {stream.times[-1]:.2f} 秒",
    )


@check("stream.big", "M", "a long stream (400 tokens) arrives whole")
def big(server: Server):
    fields = {"max_tokens": 400, "ignore_eos": True, "stream_options": {"include_usage": True}}
    stream = server.chat_stream(STORY, **fields)
    equal("the last event", stream.data[-1], "[DONE]")
    equal("usage.completion_tokens", stream.usages[-1]["completion_tokens"], 400)
    at_least("the number of characters", len(stream.whole()), 200)


@check("stream.refusal", "M", "a bad request with stream is a plain 400, not a stream")
def refusal(server: Server):
    reply = server.post(CHAT, {**server.chat_body(), "messages": [], "stream": True})
    one_of("status", reply.status, (400, 422))
    error_shape(reply)


@check("stream.no-cache", "C", "caches are told to keep away")
def no_cache(server: Server):
    seen = server.chat_stream().headers.get("cache-control", "")
    expect("no-cache" in seen or "no-store" in seen, f"cache-control is {seen!r}", f"cache-control 为 {seen!r}")


@check("stream.completions", "M", "completions stream too, with the same text")
def completions(server: Server):
    stream = server.complete_stream()
    equal("object", {c.get("object") for c in stream.chunks}, {"text_completion"})
    equal("the last event", stream.data[-1], "[DONE]")
    equal("the number of finish_reasons", len(stream.finishes()), 1)
    equal("the streamed text", stream.text(), server.complete().said())
