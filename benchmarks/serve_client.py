"""A client of OpenAI-compatible servers that costs little while it measures: bytes and times now, parsing afterwards.

One connection a request, closed by the server. Knows plain HTTP/1.1 on one machine; no proxies, no TLS, no redirects.
"""

import asyncio
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from time import perf_counter
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What came back: `arrivals` are (seconds, bytes) as read from the socket, times those of `perf_counter`.

    `failure` says why there is no whole answer (`refused`, `timeout`, `left`, `broken`), else it is None.
    """

    sent: float
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    ended: float = 0.0
    failure: str | None = None

    @property
    def raw(self) -> bytes:
        return b"".join(data for _, data in self.arrivals)

    @property
    def status(self) -> int | None:
        """None where not even a status line came."""
        words = self.raw[:64].split(None, 2)
        return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") else None

    @property
    def is_whole(self) -> bool:
        """Whether the body came to its end, by its chunks or its length; without either, an end is an end."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        if b"chunked" in head.lower():
            return body.endswith(b"0\r\n\r\n")
        length = re.search(rb"content-length:\s*(\d+)", head, re.IGNORECASE)
        return not length or len(body) >= int(length[1])

    def body(self) -> bytes:
        return b"".join(piece for _, piece in self._pieces())

    def json(self) -> dict:
        """Raises ValueError where the body is no JSON."""
        return json.loads(self.body())

    def events(self) -> Iterator[tuple[float, str]]:
        """Server-sent events: (time of the last byte, data)."""
        waiting = b""
        for time, piece in self._pieces():
            *blocks, waiting = re.split(rb"\r?\n\r?\n", waiting + piece)
            for block in blocks:
                lines = [line[5:].strip() for line in block.splitlines() if line.startswith(b"data:")]
                if lines:
                    yield time, b"\n".join(lines).decode()

    def _pieces(self) -> Iterator[tuple[float, bytes]]:
        raw, times = self.raw, [time for time, _ in self.arrivals]
        ends = list(accumulate(len(data) for _, data in self.arrivals))
        begin = raw.find(b"\r\n\r\n") + 4
        if begin < 4:
            return
        if b"chunked" not in raw[:begin].lower():
            yield times[-1], raw[begin:]
            return
        while (line_end := raw.find(b"\r\n", begin)) > 0:
            size, start = int(raw[begin:line_end], 16), line_end + 2
            if size == 0 or start + size > len(raw):
                return
            yield times[bisect_right(ends, start + size - 1)], raw[start : start + size]
            begin = start + size + 2


class _Exchange(asyncio.Protocol):
    def __init__(self, request: bytes, answer: Answer, leave_after: int | None):
        self.request, self.answer, self.leave_after = request, answer, leave_after
        self.is_over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        self.answer.arrivals.append((perf_counter(), data))
        if self.leave_after is not None and len(self.answer.arrivals) > self.leave_after:
            self.answer.failure = "left"
            self.transport.abort()

    def connection_lost(self, error):
        self.answer.ended = perf_counter()
        if error and not self.answer.failure:
            self.answer.failure = "broken"
        if not self.is_over.done():
            self.is_over.set_result(None)


class Server:
    """An address that takes requests. `key` is sent as a bearer token."""

    def __init__(self, url: str, key: str | None = None):
        parts = urlsplit(url)
        self.host, self.port, self.root = parts.hostname, parts.port or 80, parts.path.rstrip("/")
        self.fields = f"Host: {parts.netloc}\r\nConnection: close\r\n"
        if key:
            self.fields += f"Authorization: Bearer {key}\r\n"

    async def ask(
        self,
        path: str,
        body: dict | bytes | None = None,
        *,
        timeout: float = 600,
        leave_after: int | None = None,
        leave_at: float | None = None,
    ) -> Answer:
        """GET, or POST where there is a body. Leaves after `leave_after` reads or `leave_at` seconds, as an impatient client would."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        head = f"{method} {self.root}{path} HTTP/1.1\r\n{self.fields}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        answer = Answer(perf_counter())
        try:
            transport, exchange = await asyncio.get_running_loop().create_connection(
                lambda: _Exchange(head.encode() + content, answer, leave_after), self.host, self.port
            )
        except OSError:
            answer.failure, answer.ended = "refused", perf_counter()
            return answer
        await asyncio.wait([exchange.is_over], timeout=min(timeout, leave_at or timeout))
        if not exchange.is_over.done():
            answer.failure = "left" if leave_at and leave_at < timeout else "timeout"
            transport.abort()
            await exchange.is_over
        elif not answer.failure and not (answer.status and answer.is_whole):
            answer.failure = "broken"
        return answer
