"""HTTP as the checks need it: connections under control, bodies as raw bytes, no wait beyond the deadline.

Follows no redirect, uses no proxy, keeps no cookies.
"""

import http.client
import io
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao_contract.contract import Failure


class TimedOut(Failure):
    """The check's time is over."""

    def __init__(self):
        super().__init__(tr("no answer within the time limit (--timeout).", "在时限（--timeout）内没有响应。"))


@dataclass(frozen=True)
class Address:
    """`path` is what stands before `/v1` in the URL, without a slash at the end."""

    host: str
    port: int
    path: str = ""
    is_secure: bool = False

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Of `http://host:8360`, with or without `/v1`. Raises UsageError."""
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise UsageError(tr(f"{url} is not an address.", f"{url} 不是有效地址。"), "http://127.0.0.1:8360")
        is_secure = parts.scheme == "https"
        path = parts.path.rstrip("/").removesuffix("/v1")
        return cls(parts.hostname, port or (443 if is_secure else 80), path, is_secure)

    def connect(self, deadline: float) -> socket.socket:
        raw = socket.create_connection((self.host, self.port), left(deadline))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ssl.create_default_context().wrap_socket(raw, server_hostname=self.host) if self.is_secure else raw


def left(deadline: float) -> float:
    """Seconds until `deadline` (of time.monotonic). Raises TimedOut where there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimedOut
    return seconds


@dataclass
class Reply:
    """A whole answer. Header names are lower case; a header that came twice is joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    seconds: float = 0.0

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        """Raises Failure where the body is not JSON in UTF-8."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except ValueError:
            from zhinao_contract.expect import fail, short

            fail(
                f"the body of status {self.status} is not JSON: {short(self.text())}",
                f"状态 {self.status} 的响应体不是 JSON：{short(self.text())}",
            )


class _Reader(io.BufferedReader):
    """Stays open when `http.client` closes it at the end of an answer."""

    def close(self) -> None:
        pass


class Link:
    """One connection. Closing it in the middle is what a client does that leaves."""

    def __init__(self, address: Address, deadline: float):
        self.address, self.deadline = address, deadline
        self.socket = address.connect(deadline)
        self._reader = _Reader(socket.SocketIO(self.socket, "r"))
        self._response: http.client.HTTPResponse | None = None

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> None:
        """A request. A Content-Length is added unless `headers` says how the body comes."""
        headers = {"Host": f"{self.address.host}:{self.address.port}", "Accept-Encoding": "identity", **(headers or {})}
        if body is not None and not {"Content-Length", "Transfer-Encoding"} & headers.keys():
            headers["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send_raw(f"{method} {self.address.path}{path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))

    def send_raw(self, data: bytes) -> None:
        self._wait()
        self.socket.sendall(data)

    def start(self, method: str = "GET") -> Reply:
        """Status and headers of the next answer; its body is read by `pieces`."""
        self._wait()
        self._response = http.client.HTTPResponse(self, method=method)
        self._response.begin()
        headers: dict[str, str] = {}
        for name, value in self._response.getheaders():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Reply(self._response.status, headers)

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes as they arrive."""
        while self._response and not self._response.isclosed():
            self._wait()
            if not (piece := self._response.read1(65536)):
                return
            yield piece

    def read(self, method: str = "GET") -> Reply:
        """The whole next answer."""
        begun = time.monotonic()
        reply = self.start(method)
        reply.body = b"".join(self.pieces())
        reply.seconds = time.monotonic() - begun
        return reply

    def makefile(self, mode: str) -> "_Reader":
        """What `http.client` reads from: the same reader for every answer, as answers may come close together."""
        return self._reader

    def _wait(self) -> None:
        self.socket.settimeout(left(self.deadline))

    def close(self) -> None:
        self.socket.close()
