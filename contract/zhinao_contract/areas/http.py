"""HTTP itself: connections kept and closed, requests in a row, halves of requests, old clients."""

import json
import time

from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, one_of
from zhinao_contract.server import CHAT, Server


def _body(server: Server) -> bytes:
    return json.dumps(server.chat_body(max_tokens=2)).encode()


@check("http.keep-alive", "M", "one connection serves several requests")
def keep_alive(server: Server):
    with server.link() as link:
        for _ in range(3):
            link.send("POST", CHAT, _body(server), server.headers())
            equal("status", link.read("POST").status, 200)


@check("http.keep-alive-error", "M", "also after a refused one")
def keep_alive_error(server: Server):
    with server.link() as link:
        for body, status in ((b"{", (400, 422)), (_body(server), (200,))):
            link.send("POST", CHAT, body, server.headers())
            one_of("status", link.read("POST").status, status)


@check("http.keep-alive-stream", "M", "also after a stream")
def keep_alive_stream(server: Server):
    with server.link() as link:
        link.send("POST", CHAT, json.dumps(server.chat_body(stream=True)).encode(), server.headers())
        expect(b"[DONE]" in link.read("POST").body, "the stream has no [DONE]", "流没有 [DONE]")
        link.send("GET", "/v1/models", None, server.headers())
        equal("status after the stream", link.read().status, 200)


@check("http.pipelining", "S", "requests sent at once are answered in order")
def pipelining(server: Server):
    with server.link() as link:
        for path in ("/v1/models", "/v1/there-is-no-such-route", "/v1/models"):
            link.send("GET", path, None, server.headers())
        equal("the statuses", [link.read().status for _ in range(3)], [200, 404, 200])


@check("http.close", "M", "`Connection: close` closes the connection")
def close(server: Server):
    with server.link() as link:
        link.send("GET", "/v1/models", None, server.headers(Connection="close"))
        link.read()
        expect(link.socket.recv(1) == b"", "more bytes came", "还有更多字节")


@check("http.http10", "S", "a client of HTTP/1.0 is answered")
def http10(server: Server):
    with server.link() as link:
        key = f"Authorization: Bearer {server.key}\r\n" if server.key else ""
        link.send_raw(
            f"GET {server.address.path}/v1/models HTTP/1.0\r\nHost: {server.address.host}\r\n{key}\r\n".encode()
        )
        equal("status", link.read().status, 200)


@check("http.chunked", "M", "a body in chunks is read")
def chunked(server: Server):
    body = _body(server)
    parts = [body[:20], body[20:21], body[21:]]
    with server.link() as link:
        link.send("POST", CHAT, b"", server.headers(**{"Transfer-Encoding": "chunked"}))
        link.send_raw(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n")
        equal("status", link.read("POST").status, 200)


@check("http.expect", "S", "`Expect: 100-continue` is served")
def expect_continue(server: Server):
    body = _body(server)
    with server.link() as link:
        link.send("POST", CHAT, None, server.headers(**{"Expect": "100-continue", "Content-Length": str(len(body))}))
        link.send_raw(body)
        equal("status", link.read("POST").status, 200)


@check("http.half-sent", "M", "half a request holds up nobody else")
def half_sent(server: Server):
    body = _body(server)
    halves = [server.link() for _ in range(20)]
    try:
        for link in halves:
            link.send("POST", CHAT, body[:10], server.headers(**{"Content-Length": str(len(body))}))
        one_of("finish_reason", server.within(min(30, server.timeout)).chat().finish(), ("stop", "length"))
    finally:
        for link in halves:
            link.close()


@check("http.half-finished", "M", "and is answered when its rest comes")
def half_finished(server: Server):
    body = _body(server)
    with server.link() as link:
        link.send("POST", CHAT, body[:10], server.headers(**{"Content-Length": str(len(body))}))
        time.sleep(0.3)  # it has come before the other one
        equal("status", server.get("/v1/models").status, 200)
        link.send_raw(body[10:])
        equal("status", link.read("POST").status, 200)


@check("http.garbage", "S", "bytes that are no HTTP hurt nobody")
def garbage(server: Server):
    with server.link() as link:
        link.send_raw(b"\x16\x03\x01\x02\x00 this is no request\r\n\r\n")
    equal("status afterwards", server.get("/v1/models").status, 200)


@check("http.head", "S", "HEAD has no body, and crashes nothing")
def head(server: Server):
    with server.link() as link:
        link.send("HEAD", "/health", None, server.headers())
        one_of("status", link.read("HEAD").status, (200, 405))
        link.send("GET", "/health", None, server.headers())
        equal("status of the next request", link.read().status, 200)


@check("http.charset", "M", "JSON is UTF-8")
def charset(server: Server):
    reply = server.chat("用中文说一句话。", max_tokens=24)
    seen = reply.headers.get("content-type", "").lower()
    reply.body.decode("utf-8")
    expect("charset" not in seen or "utf-8" in seen, f"content-type is {seen!r}", f"content-type 为 {seen!r}")


@check("http.query", "S", "a query after the path does not matter")
def query(server: Server):
    equal("status", server.post(f"{CHAT}?api-version=2024", server.chat_body(max_tokens=2)).status, 200)
