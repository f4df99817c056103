"""uvicorn's HTTP/1.1 connection, made safe for strangers and other people's clients. Knows no routes; middlewares start after it.

uvicorn waits for ever for headers and for readers, takes headers of any size, and loses the body of a request that offers
to speak HTTP/2 (`Upgrade: h2c`: Java's HttpClient, `curl --http2`), or whose client has said that it sends nothing more. One
address may open as many connections as there are. No middleware could see any of it.
"""

from collections import Counter

from zhinao import lang
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.asgi import json_text
from zhinao.serve.gate.proxy import address_of, is_one_of

HEAD_BYTES = 65_536  # of one request's line and headers, as they are counted: in steps of _STEP
_STEP = 16_384
_LINGER_SECONDS = 1.0  # a client that still sends would not see an answer behind which the line is closed
_HOPS = (b"upgrade", b"http2-settings")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # may come any number of times before an answer
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 2.0  # seconds between looks at whether a half-closed line still has a reader


def protocol(
    head_seconds: float = 20.0,
    head_bytes: int = HEAD_BYTES,
    write_seconds: float = 60.0,
    all_write_seconds: float = 600.0,
    max_connections: int | None = None,
    proxies: tuple[str, ...] = (),
):
    """The protocol's class for `uvicorn.Config(http=…)`.

    A connection ends where all headers of a request are not there within `head_seconds`, where they are larger than
    `head_bytes` (431), and where what is ready for a client fills the line for `write_seconds`, or for `all_write_seconds` in
    all of one request (a client that reads a little now and then). An offered upgrade that is no WebSocket is passed over, as
    RFC 9110 (7.8) allows: the request is answered by HTTP/1.1, and the connection goes on. A line whose client has closed
    its own direction is answered and then closed. Of one address `max_connections` may be open (429), of `proxies` any number.
    """
    import httptools
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    opened: Counter[str] = Counter()

    class Connection(HttpToolsProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self._offered: bytes | None = None  # the head of a request that offers an upgrade, without the offer
            self._num_bytes, self._is_counted, self._is_refused = 0, True, False  # of what is no body
            self._stalled, self._stalled_since, self._left = None, 0.0, all_write_seconds
            self._patience = self.loop.call_later(head_seconds, transport.close)
            self._look = None
            self._count()

        def connection_lost(self, exc):
            self._patience.cancel()
            if self._look:
                self._look.cancel()
            self._uncount()
            self.resume_writing()
            super().connection_lost(exc)

        def _count(self) -> None:
            host = self.client[0] if self.client else None  # a socket in the file system has none
            self._address = None if host is None or is_one_of(host, proxies) else address_of(host)
            opened[self._address] += 1
            if max_connections is not None and self._address and opened[self._address] > max_connections:
                self._refuse("429 Too Many Requests", _too_many(max_connections))

        def _uncount(self) -> None:
            opened[self._address] -= 1
            if not opened[self._address]:
                del opened[self._address]

        def eof_received(self) -> bool:
            """The client sends nothing more. True: it waits for an answer, which it gets, and then the line is closed."""
            cycle = self.cycle
            if self._is_refused or cycle is None or cycle.response_complete or cycle.more_body:
                return False
            if cycle.response_started or self.scope["http_version"] == "1.0":
                return False  # one that has left could not be told from it
            cycle.keep_alive = False
            self._look_again(_FIRST_LOOK)
            return True

        def _look_again(self, seconds: float) -> None:
            """A client that has left altogether answers what is sent with a reset. The tokens of a stream do that by themselves."""
            if self.transport.is_closing() or self.cycle.response_started:
                return
            if not self.pipeline:
                self.transport.write(_CONTINUE)
            self._look = self.loop.call_later(seconds, self._look_again, min(2 * seconds, _LONGEST_LOOK))

        def data_received(self, data):
            self._unset_keepalive_if_required()
            while data and not self._is_refused and self.parser is not None:
                size = _STEP if self._is_counted else len(data)
                piece, data = data[:size], data[size:]
                self._num_bytes += len(piece)
                self._feed(piece)
                if self._num_bytes > head_bytes:
                    self._refuse("431 Request Header Fields Too Large", _too_large(head_bytes))

        def _feed(self, data: bytes) -> None:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserError:
                    return self.send_400_response("Invalid HTTP request received.")
                except httptools.HttpParserUpgrade as upgrade:
                    if self._offered is None:
                        return self.handle_websocket_upgrade()
                    data, self._offered = self._offered + data[upgrade.args[0] :], None
                    self.parser = httptools.HttpRequestParser(self)

        def on_message_begin(self):
            self._patience.cancel()
            self._patience = self.loop.call_later(head_seconds, self.transport.close)
            self._num_bytes, self._is_counted, self._is_head = 0, True, True
            if not self._stalled:
                self._left = all_write_seconds
            super().on_message_begin()

        def on_header(self, name, value):
            """Behind a body they are trailers, which must not become headers: RFC 9110 (6.5.1), and others checked those."""
            if self._is_head:
                super().on_header(name, value)

        def on_headers_complete(self):
            self._patience.cancel()
            self._num_bytes, self._is_head = 0, False
            method, is_offer = self.parser.get_method(), self.parser.should_upgrade() and not self._should_upgrade()
            if is_offer and method != b"CONNECT":  # which has no other meaning than another protocol
                version = self.parser.get_http_version().encode()
                self._offered = _head(method, self.url, version, self.headers)
            else:
                super().on_headers_complete()

        def on_body(self, body):
            self._num_bytes, self._is_counted = 0, False
            super().on_body(body)

        def on_message_complete(self):
            self._num_bytes, self._is_counted = 0, True
            if self._offered is None:
                super().on_message_complete()

        def pause_writing(self):
            """The client does not read: what waits for it has filled the system's buffers and ours."""
            super().pause_writing()
            if not self._stalled:
                self._stalled_since = self.loop.time()
                self._stalled = self.loop.call_later(min(write_seconds, max(self._left, 0.0)), self.transport.abort)

        def resume_writing(self):
            if self._stalled:
                self._stalled.cancel()
                self._stalled = None
                self._left -= self.loop.time() - self._stalled_since
            super().resume_writing()

        def send_400_response(self, msg: str) -> None:
            self._refuse("400 Bad Request", _not_http())

        def _refuse(self, status: str, error: ApiError) -> None:
            self._is_refused = True
            self._patience.cancel()
            with lang.speaking("en"):  # no headers have been read that could say otherwise
                self.transport.write(_written(status, error))
            self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    return Connection


def _head(method: bytes, target: bytes, version: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A request's head without the offer to speak another protocol."""
    lines = [b"%b %b HTTP/%b" % (method, target, version)]
    for name, value in headers:
        if name == b"connection":
            value = b", ".join(word for word in map(bytes.strip, value.split(b",")) if word.lower() not in _HOPS)
        if name not in _HOPS and (value or name != b"connection"):
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def _too_large(num_bytes: int) -> ApiError:
    limit = num_bytes // 1024
    return ApiError(
        431,
        tr(f"The request's headers may have {limit} kB.", f"请求头上限为 {limit} kB。"),
        code="headers_too_large",
    )


def _too_many(limit: int) -> ApiError:
    return ApiError(
        429,
        tr(
            f"One address may have {limit} connections open. The server's --max-connections sets the limit.",
            f"每个地址最多可打开 {limit} 个连接。上限由服务器的 --max-connections 设定。",
        ),
        code="too_many_connections",
        headers={"Retry-After": "2"},
    )


def _not_http() -> ApiError:
    return ApiError(400, tr("This is not a request of HTTP/1.1.", "这不是有效的 HTTP/1.1 请求。"), code="invalid_http")


def _written(status: str, error: ApiError) -> bytes:
    """A whole answer, after which nothing is read any more."""
    body = json_text(error.body()).encode()
    headers = {**error.headers, "Content-Type": "application/json", "Connection": "close", "Content-Length": len(body)}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
