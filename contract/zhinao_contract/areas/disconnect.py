"""A client that leaves frees what it held: told by `/metrics` where that is, and by how soon the next request is answered."""

import json
import time

from zhinao_contract.abilities import num_running, wait_until_idle
from zhinao_contract.contract import check
from zhinao_contract.expect import at_most, expect, one_of, skip
from zhinao_contract.server import CHAT, COMPLETIONS, STORY, Server

NUM = 8  # requests that are left
LONG = {"max_tokens": 3000, "ignore_eos": True}


def _short(server: Server) -> float:
    """Seconds of a request of 24 tokens."""
    begun = time.monotonic()
    one_of("finish_reason", server.chat(max_tokens=24, ignore_eos=True).finish(), ("length",))
    return time.monotonic() - begun


def _leave(server: Server, path: str, body: dict, *, after_pieces: int = 0, after_seconds: float = 0.0) -> None:
    """Start NUM requests, wait, leave all of them; then the server must be as quick as before, and idle."""
    usual = min(_short(server) for _ in range(2))
    bound = min(max(10.0, 4 * usual), server.timeout)
    links = [server.link() for _ in range(NUM)]
    try:
        for link in links:
            link.send("POST", path, json.dumps(body).encode(), server.headers())
        for link in links if after_pieces else ():
            link.start("POST")
            pieces = link.pieces()
            for _ in range(after_pieces):
                next(pieces, None)
        time.sleep(after_seconds)
    finally:
        for link in links:
            link.close()
    seen = _short(server.within(bound + 5))
    at_most("seconds of a short request afterwards", round(seen, 2), round(bound, 2))
    if num_running(server) is not None:
        # vLLM's gauge keeps the value of its last step, in which the short request itself ran
        running = wait_until_idle(server, min(10, server.timeout), num_left=1)
        expect(running <= 1, f"{running:.0f} requests still run 10 s later", f"10 秒后仍有 {running:.0f} 个请求在运行")


@check("disconnect.stream", "M", "who leaves a stream frees its place")
def stream(server: Server):
    _leave(server, CHAT, server.chat_body(STORY, stream=True, **LONG), after_pieces=2)


@check("disconnect.early", "M", "who leaves before the first byte does too")
def early(server: Server):
    _leave(server, CHAT, server.chat_body(STORY, stream=True, **LONG), after_seconds=0.1)


@check("disconnect.plain", "M", "who leaves an answer that is not streamed does too")
def plain(server: Server):
    _leave(server, CHAT, server.chat_body(STORY, **LONG), after_seconds=1.0)


@check(
    "disconnect.several",
    "M",
    "who leaves a request of several choices frees all of them",
)
def several(server: Server):
    _leave(server, CHAT, server.chat_body(STORY, stream=True, n=2, **{**LONG, "temperature": 1.0}), after_pieces=2)


@check("disconnect.completions", "M", "completions, streamed or not, do too")
def completions(server: Server):
    server.needs(COMPLETIONS)
    _leave(server, COMPLETIONS, server.completion_body(STORY, stream=True, **LONG), after_pieces=2)
    _leave(server, COMPLETIONS, server.completion_body(STORY, **LONG), after_seconds=1.0)


@check(
    "disconnect.counted",
    "S",
    "running requests are counted while they run, and no longer",
)
def counted(server: Server):
    if num_running(server) is None:
        skip("/metrics does not tell running requests", "/metrics 没有运行中的请求数")
    with server.streaming(CHAT, server.chat_body(STORY, stream=True, **LONG)) as (_, pieces):
        until = time.monotonic() + 5
        seen = 0.0
        while not seen and time.monotonic() < until and next(pieces, None):
            seen = num_running(server) or 0
        expect(seen >= 1, "a running request was not counted", "运行中的请求没有计入")
    running = wait_until_idle(server, min(10, server.timeout))
    expect(
        running == 0,
        f"{running:.0f} are counted 10 s after the client left",
        f"客户端离开 10 秒后仍计 {running:.0f} 个",
    )


@check("disconnect.others", "M", "who stays is served to the end when another leaves")
def others(server: Server):
    body = server.chat_body(STORY, stream=True, max_tokens=60, ignore_eos=True)
    with server.streaming(CHAT, body) as (stays, pieces):
        with server.streaming(CHAT, server.chat_body(STORY, stream=True, **LONG)) as (_, leaving):
            next(leaving, None)
        stays.body = b"".join(pieces)
    expect(stays.data[-1] == "[DONE]", "the other stream ended early", "另一个流提前结束")
    expect(
        stays.finishes() == ["length"], f"finish_reason is {stays.finishes()}", f"finish_reason 为 {stays.finishes()}"
    )
