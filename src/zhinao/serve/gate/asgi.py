"""What the server's middlewares share: headers of a scope, the state of a request, a refusal sent. Plain ASGI, no framework."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping

from zhinao.serve.errors import ApiError

Scope = MutableMapping
Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def headers(scope: Scope, name: str) -> list[str]:
    """The values of all request headers of that name."""
    wanted = name.lower().encode("latin-1")
    return [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]


def header(scope: Scope, name: str) -> str:
    """The value of a request header (the first one of that name), or an empty text."""
    return next(iter(headers(scope, name)), "")


def state(scope: Scope) -> dict:
    """What the parts of the server know of this request: the same mapping as `request.state` of Starlette."""
    return scope.setdefault("state", {})


def route_path(scope: Scope) -> str:
    """The path without the prefix that a reverse proxy's `root_path` puts before it."""
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    return path[len(root) :] if root and path.startswith(root + "/") else path


# Ends of lines to many readers of lines (Python's `splitlines`, JavaScript before 2019), and in JSON only ever inside strings.
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


def json_text(value) -> str:
    """JSON in one line, whoever reads it. Plain characters, since an escaped Chinese text is twice as long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else text.translate(_LINE_ENDS)


def in_one_line(text: bytes) -> bytes:
    """The same for JSON that others wrote: whole characters of UTF-8."""
    if text.isascii():
        return text
    for code, written in _LINE_ENDS.items():
        text = text.replace(chr(code).encode(), written.encode())
    return text


async def refuse(scope: Scope, send: Send, error: ApiError) -> None:
    """Answer with the error's status, headers and body; the request's state holds its code as `error`, for log and counts."""
    state(scope)["error"] = error.code or error.kind
    body = json_text(error.body()).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **error.headers}
    await send({"type": "http.response.start", "status": error.status, "headers": encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def with_headers(send: Send, make: Callable[[], Mapping[str, str]]) -> Send:
    """A `send` that adds what `make()` returns, asked when the response starts."""

    async def adding(message: dict) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *encoded(make())]}
        await send(message)

    return adding
