"""How large and how slow a request may be: 413 and 408. Reads the body once, whole, before the application runs."""

import asyncio
import contextlib
import re

from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.gate.in_turn import InTurn
from zhinao.serve.gate.limits import client_of

_SMALL, _MAX_WAITING = 65_536, 32  # bytes; bodies that wait to be mended
_RAW_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_PAIR = rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:" + _PAIR + rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_DISCARD_BYTES, _DISCARD_SECONDS = 2**25, 5.0


class BodyLimit:
    """`max_bytes` of a body, and `seconds` in which all of it must have come. The application is called with all of it.

    A client that leaves half-way is not answered and reaches nothing.
    """

    def __init__(self, app: asgi.App, max_bytes: int, seconds: float = 60.0):
        self.app, self.max_bytes, self.seconds = app, max_bytes, seconds
        self._mending = InTurn(
            "zhinao-mending", max_waiting=_MAX_WAITING
        )  # not Python's own threads, which others wait for

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        try:
            body = await self._read(scope, receive)
            if body is not None:
                body = await self._with_whole_characters(client_of(scope), body)
        except ApiError as error:
            if error.status == 413 and not asgi.header(scope, "expect"):
                await _discard(receive)
            return await asgi.refuse(scope, send, error)
        if body is not None:
            await self.app(scope, replayed(body, receive), send)

    async def _read(self, scope: asgi.Scope, receive: asgi.Receive) -> bytes | None:
        """The body; None where the client left. Raises ApiError."""
        declared = asgi.header(scope, "content-length")
        if declared.isdigit() and int(declared) > self.max_bytes:
            raise self._too_large(human_size(int(declared)))
        parts, num_bytes = [], 0
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    num_bytes += len(parts[-1])
                    if num_bytes > self.max_bytes:
                        raise self._too_large(tr("more", "更多"))
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise self._too_slow(num_bytes, declared) from None

    async def _with_whole_characters(self, client: str, body: bytes) -> bytes:
        """Small ones at once, large ones beside the event loop, clients in turn. Raises ApiError 429 where too many wait."""
        if len(body) < _SMALL:
            return with_whole_characters(body)
        return await self._mending.do(client, with_whole_characters, body)

    def _too_large(self, came: str) -> ApiError:
        limit = human_size(self.max_bytes)
        return ApiError(
            413,
            tr(
                f"The request's body may have {limit}; {came} came. The server's --max-body-mb sets the limit.",
                f"请求体上限为 {limit}，收到 {came}。上限由服务器的 --max-body-mb 设定。",
            ),
            code="request_too_large",
        )

    def _too_slow(self, num_bytes: int, declared: str) -> ApiError:
        awaited = f" / {declared}" if declared else ""
        return ApiError(
            408,
            tr(
                f"The request did not come whole within {self.seconds:g} seconds ({num_bytes}{awaited} bytes came).",
                f"请求未在 {self.seconds:g} 秒内到齐（已收到 {num_bytes}{awaited} 字节）。",
            ),
            code="request_timeout",
            headers={"Connection": "close"},
        )


async def _discard(receive: asgi.Receive) -> None:
    """Read on for a while: many clients look at the answer only when all is sent, and see a broken line otherwise.

    Not for those that ask first (`Expect: 100-continue`): they send nothing after a refusal.
    """
    left = _DISCARD_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def with_whole_characters(body: bytes) -> bytes:
    """A JSON body with U+FFFD for each half of a surrogate pair: legal in JSON, but no text, and no UTF-8 can hold it.

    Of the same length. Pairs stay, and so does what only looks like an escape: the rest of `\\\\ud800` behind its backslash.
    """
    if b"\xed" in body:
        body = _RAW_HALF.sub(b"\xef\xbf\xbd", body)
    if not _HALF.search(body):
        return body
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)


def replayed(body: bytes, receive: asgi.Receive) -> asgi.Receive:
    """Gives the body once; afterwards the server's own messages, of which the client's leaving is the next."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> dict:
        return left.pop() if left else await receive()

    return replaying
