import asyncio
import json
import socket
import threading
import time

import pytest
import uvicorn

from tests.serve.toy import call, toy
from zhinao.serve.gate import body as body_module
from zhinao.serve.gate.body import BodyLimit, with_whole_characters
from zhinao.serve.gate.connection import protocol

LIMIT = 100_000


def test_a_body_up_to_the_limit_passes():
    assert call(BodyLimit(toy(), LIMIT), "POST", content=b"x" * LIMIT).json()["num_bytes"] == LIMIT


def test_a_declared_body_over_the_limit_is_refused_with_both_sizes():
    reply = call(BodyLimit(toy(), LIMIT), "POST", content=b"x" * 250_000)
    assert reply.status_code == 413
    error = reply.json()["error"]
    assert "100 kB" in error["message"] and "250 kB" in error["message"] and error["code"] == "request_too_large"


def test_an_endless_chunked_body_is_refused():
    sent = []

    async def pieces():
        while True:
            sent.append(1)
            yield b"x" * 1_000_000

    reply = call(BodyLimit(toy(), LIMIT), "POST", content=pieces())
    assert reply.status_code == 413 and len(sent) < 40


def run(app, messages, scope=None):
    """What the app sends for these messages; after them nothing comes."""
    sent = []

    async def running():
        queue = list(messages)

        async def receive():
            return queue.pop(0) if queue else await asyncio.sleep(60)

        async def send(message):
            sent.append(message)

        await app({"type": "http", "method": "POST", "path": "/v1/echo", "headers": [], **(scope or {})}, receive, send)

    asyncio.run(running())
    return sent


def test_half_a_body_times_out():
    half = {"type": "http.request", "body": b"{", "more_body": True}
    start, body = run(BodyLimit(toy(), LIMIT, seconds=0.05), [half], {"headers": [(b"content-length", b"10")]})
    assert start["status"] == 408 and (b"connection", b"close") in start["headers"]
    assert "1 / 10 bytes" in json.loads(body["body"])["error"]["message"]


def test_a_client_that_leaves_half_way_reaches_nothing():
    half = {"type": "http.request", "body": b"{", "more_body": True}
    assert run(BodyLimit(toy(), LIMIT), [half, {"type": "http.disconnect"}]) == []


def test_the_application_still_sees_the_client_leave():
    seen = []

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive()])

    messages = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"c"}]
    run(BodyLimit(app, LIMIT), [*messages, {"type": "http.disconnect"}])
    assert seen == [{"type": "http.request", "body": b"abc", "more_body": False}, {"type": "http.disconnect"}]


@pytest.fixture
def port():
    """A real server that allows half a second for headers and for a body."""
    config = uvicorn.Config(
        BodyLimit(toy(), LIMIT, seconds=0.5), port=0, http=protocol(0.5), log_level="critical", lifespan="off"
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def talk(port, *parts, pause=0.0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
            if b"num_bytes" in answer:
                break
        return answer


HEAD = b"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


def test_half_requests_are_ended_and_block_nobody(port):
    """Thirty lines that never get ready; meanwhile others are served."""
    halves = [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
    slow = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(28)]
    for n, line in enumerate(slow):
        line.sendall(halves[n % 4])
    started = time.monotonic()
    assert b"200 OK" in talk(port, WHOLE)
    assert time.monotonic() - started < 0.4
    answers = [b"".join(iter(lambda line=line: line.recv(65536), b"")) for line in slow]
    assert all(answer == b"" for answer in answers[0::4] + answers[1::4])
    assert all(b" 408 " in answer for answer in answers[2::4] + answers[3::4])
    for line in slow:
        line.close()


def test_a_connection_kept_open_may_not_stop_half_way_either(port):
    assert talk(port, WHOLE + HEAD).count(b"HTTP/1.1") == 1


def test_whoever_sends_too_much_still_gets_the_answer(port):
    body = b"x" * 3_000_000
    answer = talk(port, HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert b" 413 " in answer and b"3.0 MB" in answer


@pytest.mark.parametrize(
    "came, passed",
    [
        (rb'"\ud800"', rb'"\ufffd"'),
        (rb'"\uD83D\uDE00 \udc00\ud83d"', rb'"\uD83D\uDE00 \ufffd\ufffd"'),
        (rb'"\\ud800 \\\ud800"', rb'"\\ud800 \\\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ud8 \u12"', rb'"\ud8 \u12"'),
        (b'"\xed\xa0\x80\xed\x9f\xbf"', b'"\xef\xbf\xbd\xed\x9f\xbf"'),
        ('{"é": "\\u00e9\\n"}'.encode(), '{"é": "\\u00e9\\n"}'.encode()),
    ],
)
def test_halves_of_surrogate_pairs_are_mended(came, passed):
    assert with_whole_characters(came) == passed
    messages = [{"type": "http.request", "body": came * 10_000}]
    seen = []

    async def app(scope, receive, send):
        seen.append((await receive())["body"])

    run(BodyLimit(app, 10**7), messages)
    assert seen == [passed * 10_000]


def test_large_bodies_of_one_client_stop_nobody(monkeypatch):
    """Python's own threads stay free, others have their turn, and what waits has a limit."""
    go, order = threading.Event(), []
    monkeypatch.setattr(body_module, "with_whole_characters", lambda body: go.wait(20) and body)
    monkeypatch.setattr(body_module, "_MAX_WAITING", 4)

    async def app(scope, receive, send):
        order.append(scope["client"][0])

    async def flood():
        limit, statuses = BodyLimit(app, 10**7), []

        async def receive():
            return {"type": "http.request", "body": b"x" * 100_000}

        async def send(message):
            statuses.append(message.get("status"))

        def post(host):
            scope = {"type": "http", "method": "POST", "path": "/v1/echo", "headers": [], "client": (host, 1)}
            return asyncio.create_task(limit(scope, receive, send))

        hog = [post("10.0.0.1") for _ in range(40)]
        await asyncio.sleep(0.05)
        other = post("10.0.0.2")
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 5), 5) == 5
        go.set()
        await asyncio.gather(*hog, other)
        return statuses

    assert asyncio.run(flood()).count(429) == 36
    assert order.index("10.0.0.2") <= 2
