"""Characters stay whole: emoji and Chinese, in and out, streamed and not."""

import json

from zhinao_contract.abilities import forcing, unwrap
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, short
from zhinao_contract.server import CHAT, Server, as_bytes

EMOJI = "🦊🐦‍⬛🇨🇳👩‍👩‍👧‍👦🏳️‍🌈"
CHINESE = "𠮷野家：𡃁仔與龘靐齉"


def _whole(what: str, text: str) -> None:
    odd = "\ufffd" in text or any(0xD800 <= ord(c) < 0xE000 for c in text)
    expect(not odd, f"{what} has a broken character: {short(text)}", f"{what} 中有残缺字符：{short(text)}")


def _streamed(server: Server, text: str) -> None:
    stream = server.chat_stream("Say it.", **forcing(server)(text))
    equal("the streamed text", unwrap(stream.text()), text)


@check("chars.stream-emoji", "M", "emoji come whole through a stream")
def stream_emoji(server: Server):
    _streamed(server, EMOJI)


@check(
    "chars.stream-chinese",
    "M",
    "Chinese characters of four bytes come whole through a stream",
)
def stream_chinese(server: Server):
    _streamed(server, CHINESE)


@check("chars.pieces", "M", "no piece of a stream has half a character")
def pieces(server: Server):
    stream = server.chat_stream("Say it.", **forcing(server)(EMOJI + CHINESE))
    for frame in stream.frames:
        frame.decode("utf-8")
    for delta in stream.deltas():
        _whole("delta.content", delta.get("content") or "")


@check("chars.whole", "M", "they come whole in one piece too")
def whole(server: Server):
    answer = server.chat("Say it.", **forcing(server)(EMOJI + CHINESE))
    equal("the text", unwrap(answer.said()), EMOJI + CHINESE)


@check(
    "chars.cut",
    "S",
    "an answer cut by max_tokens ends with a whole character",
)
def cut(server: Server):
    fields = forcing(server)(EMOJI)
    for limit in range(1, 6):
        _whole("the text", server.chat("Say it.", **{**fields, "max_tokens": limit}).said())
        _whole("the streamed text", server.chat_stream("Say it.", **{**fields, "max_tokens": limit}).text())


@check(
    "chars.escaped",
    "M",
    "a prompt escaped as \\uXXXX is the same as one in UTF-8",
)
def escaped(server: Server):
    body = server.chat_body(EMOJI + CHINESE, max_tokens=1)
    counts = [
        server.post(CHAT, data).json()["usage"]["prompt_tokens"] for data in (as_bytes(body), json.dumps(body).encode())
    ]
    equal("usage.prompt_tokens of the escaped prompt", counts[1], counts[0])


@check(
    "chars.lone-surrogate",
    "S",
    "half of an escaped pair in a prompt crashes nothing",
)
def lone_surrogate(server: Server):
    body = json.dumps(server.chat_body("half: \ud83e")).encode()
    status = server.post(CHAT, body).status
    expect(status < 500, f"status is {status}", f"状态为 {status}")


@check("chars.echo", "S", "echo gives the prompt back, every character of it")
def echo(server: Server):
    prompt = f"{EMOJI} {CHINESE} ~ é\tñ"
    said = server.complete(prompt, echo=True, max_tokens=1).said()
    equal("the echo", said[: len(prompt)], prompt)


@check("chars.echo-stream", "S", "so does a stream")
def echo_stream(server: Server):
    prompt = f"{EMOJI} {CHINESE}"
    said = server.complete_stream(prompt, echo=True, max_tokens=1).text()
    equal("the streamed echo", said[: len(prompt)], prompt)
