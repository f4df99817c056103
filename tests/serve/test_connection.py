"""Raw lines to uvicorn with our connection: offers of other protocols, heads without end, readers that do not read, lines that
are half closed, and too many of them."""

import asyncio
import contextlib
import importlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

from zhinao.serve.gate.connection import protocol

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
HEAD = b"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\n"
left = threading.Event()
waiting = threading.Event()


async def app(scope, receive, send):
    """Tells what came; `/endless` sends until the client has left."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.4)
    if scope["path"] != "/endless":
        request = Request(scope, receive)
        body = (await request.body()).decode()
        answer = JSONResponse({"path": scope["path"], "body": body, "headers": dict(request.headers)})
        return await answer(scope, receive, send)
    if scope["query_string"] != b"silent":
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def sending():
        if scope["query_string"] == b"silent":
            waiting.set()
            await asyncio.sleep(60)
        while True:
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
            await asyncio.sleep(0)

    work = asyncio.create_task(sending())
    while (await receive())["type"] != "http.disconnect":
        pass
    work.cancel()
    left.set()


@contextlib.contextmanager
def serving(made):
    config = uvicorn.Config(app, http=made, ws="none", log_level="critical", lifespan="off")
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port():
    with serving(protocol(head_seconds=5, write_seconds=0.3)) as found:
        yield found


class Line:
    """One connection; `read()` gives status and JSON of the next answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    is_closed = False

    def close(self):
        """The client's own direction."""
        self.socket.shutdown(socket.SHUT_WR)
        self.is_closed = True

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)
            time.sleep(0.02)

    def read(self):
        status = int(self.file.readline().split()[1])
        while status == 100 and self.is_closed:
            self.file.readline()
            status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return status, json.loads(self.file.read(int(headers.get(b"content-length", 0))) or "null")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


OFFERS = {
    "h2c": H2C,
    "lower case": H2C.lower(),
    "keep-alive": H2C.replace(b"Upgrade, ", b"keep-alive, Upgrade, "),
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "TLS": b"Connection: upgrade\r\nUpgrade: TLS/1.0, HTTP/2.0\r\n",
    "not named": b"Upgrade: h2c\r\n",
    "unknown": b"Connection: Upgrade\r\nUpgrade: \xc3\xa9t\xc3\xa9\r\n",
}
BODIES = {
    "length": (b"Content-Length: 7\r\n\r\n", b'{"a":1}'),
    "in one": (b'Content-Length: 7\r\n\r\n{"a":1}',),
    "split": (b"Content-Length: 7\r\n", b'\r\n{"a', b'":1}'),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n", b'3\r\n{"a\r\n', b'4\r\n":1}\r\n0\r\n\r\n'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_an_offered_upgrade_is_passed_over_and_the_line_goes_on(port, offer, body):
    with Line(port) as line:
        for _ in range(2):
            line.send(HEAD + offer + body[0], *body[1:])
            status, answer = line.read()
            assert (status, answer["body"]) == (200, '{"a":1}')
            assert answer["headers"]["host"] == "localhost"
        line.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert line.read()[1]["body"] == "{}"


@pytest.mark.parametrize("offer", [b"", H2C], ids=["plain", "h2c"])
def test_trailers_are_no_headers(port, offer):
    """A proxy sets headers; what a client sends behind its body has not been looked at by anybody."""
    head = HEAD + offer + b"X-Forwarded-For: 5.6.7.8\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Line(port) as line:
        for _ in range(2):
            line.send(head + b"2\r\n{}\r\n", b"0\r\nX-Forwarded-For: 1.1.1.1\r\nX-More: 1\r\n\r\n")
            status, answer = line.read()
            assert (status, answer["body"], answer["headers"]["x-forwarded-for"]) == (200, "{}", "5.6.7.8")
            assert "x-more" not in answer["headers"]


def test_several_offers_at_once(port):
    """Three requests in one piece, a GET without a body among them."""
    one = HEAD + H2C + b"Content-Length: 1\r\n\r\n"
    with Line(port) as line:
        line.send(one + b"1" + b"GET /x HTTP/1.1\r\nHost: a\r\n" + H2C + b"\r\n" + one + b"3")
        answers = [line.read()[1] for _ in range(3)]
    assert [answer["body"] for answer in answers] == ["1", "", "3"]
    assert answers[1]["path"] == "/x" and "upgrade" not in answers[1]["headers"]


def test_an_offer_by_a_client_that_asks_first(port):
    body = b"x" * 300_000
    with Line(port) as line:
        line.send(HEAD + H2C + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert line.read()[0] == 100
        line.send(body)
        assert len(line.read()[1]["body"]) == len(body)


def test_an_offer_that_hides_a_second_request_is_refused(port):
    with Line(port) as line:
        line.send(
            HEAD + H2C + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
        )
        assert line.file.readline().split()[1] == b"400"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("size", [20, 2_000_000])
def test_curl_that_prefers_http2(port, tmp_path, size):
    (tmp_path / "body").write_bytes(b"y" * size)
    words = ["curl", "-sS", "--http2", "--noproxy", "*", "-m", "20", "--data-binary", f"@{tmp_path / 'body'}"]
    url = f"http://127.0.0.1:{port}/v1/echo"
    run = subprocess.run([*words, url, url], capture_output=True, text=True)
    assert run.stdout.count("y" * size) == 2, run.stderr


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3_000_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500_000,
        b"GET /" + b"x" * 3_000_000,
        b"\r\n" * 1_500_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"X: y\r\n" * 500_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 3_000_000,
    ],
    ids=["value", "many", "target", "blank", "trailers", "chunk extension"],
)
def test_a_head_without_end_is_refused(port, head):
    with Line(port) as line:
        started = time.monotonic()
        threading.Thread(target=lambda: _sent(line.socket, head), daemon=True).start()
        status, answer = line.read()
        assert status == 431 and answer["error"]["code"] == "headers_too_large"
        assert time.monotonic() - started < 5


def _sent(line: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        line.sendall(data)


def test_large_bodies_are_no_heads(port):
    with Line(port) as line:
        line.send(HEAD + b"X: " + b"x" * 40_000 + b"\r\nContent-Length: 500000\r\n\r\n", b"z" * 500_000)
        assert len(line.read()[1]["body"]) == 500_000
        line.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert line.read()[1]["body"] == "{}"


def test_a_client_that_reads_nothing_is_left(port):
    left.clear()
    with Line(port) as line:
        line.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        assert left.wait(10)


def test_a_client_that_reads_a_little_now_and_then_is_left():
    """It stops each wait just in time; all of them together are limited."""
    with serving(protocol(write_seconds=5, all_write_seconds=0.5)) as port, Line(port) as line:
        left.clear()
        line.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        started = time.monotonic()
        while not left.is_set():
            line.socket.recv(200_000)
            left.wait(0.1)
            assert time.monotonic() - started < 10


SLOW = HEAD.replace(b"/v1/echo", b"/slow") + b"Content-Length: 2\r\n\r\n{}"


def test_a_line_that_its_client_has_half_closed_is_answered(port):
    """The first request of a line, one after another that was answered, and several at once."""
    for num_before in (0, 1):
        with Line(port) as line:
            for _ in range(num_before):
                line.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
                assert line.read()[0] == 200
            line.send(SLOW + SLOW)
            line.close()
            assert [line.read()[:2][0] for _ in range(2)] == [200, 200]
            assert line.file.read() == b"", "and then closed"


def test_a_half_closed_line_without_a_whole_request_is_closed(port):
    for sent in (b"", HEAD, HEAD + b"Content-Length: 2\r\n\r\n{"):
        with Line(port) as line:
            line.send(sent)
            line.close()
            assert line.file.read() == b""


def test_a_client_that_has_left_altogether_is_told_from_it(port):
    left.clear(), waiting.clear()
    with Line(port) as line:
        line.send(b"GET /endless?silent HTTP/1.1\r\nHost: a\r\n\r\n")
        assert waiting.wait(5)
    assert left.wait(3)


def test_what_is_no_http_has_the_shape_of_errors(port):
    with Line(port) as line:
        line.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        status, answer = line.read()
        assert (status, answer["error"]["code"]) == (400, "invalid_http")


def test_one_address_opens_no_more_connections_than_it_may():
    with serving(protocol(max_connections=2)) as port, contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(Line(port)) for _ in range(3))
        assert third.read()[0] == 429
        other = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0), timeout=10)
        with other, other.makefile("rb") as file:
            other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200" in file.readline()
        first.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert first.read()[0] == 200
        second.socket.close(), second.file.close(), third.socket.close(), third.file.close()
        time.sleep(1.2)
        with Line(port) as again:
            again.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
            assert again.read()[0] == 200


def test_a_proxy_opens_as_many_as_it_likes():
    with (
        serving(protocol(max_connections=1, proxies=("127.0.0.0/8",))) as port,
        Line(port),
        Line(port),
        Line(port) as line,
    ):
        line.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert line.read()[0] == 200


def test_vllm_s_server_gets_the_same_connection(monkeypatch):
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", "uvicorn.protocols.http.auto:AutoHTTPProtocol")
    monkeypatch.delitem(sys.modules, "zhinao.serve.vllm.middleware", raising=False)
    importlib.import_module("zhinao.serve.vllm.middleware")
    config = uvicorn.Config(app, log_config=None)
    config.load()
    assert config.http_protocol_class.__module__ == protocol.__module__
