"""Fields that vLLM calls otherwise: in requests our `thinking_budget`, in answers `reasoning`, which most clients look for under `reasoning_content`.

Only chat requests are looked at, and only those chunks of a stream that hold a thought are parsed. Other fields that
`zhinao serve` knows beyond OpenAI's have vLLM's names already.
"""

import json

from zhinao.serve.gate import asgi
from zhinao.serve.gate.body import replayed

_PATH = "/v1/chat/completions"
_FIELD, _OTHER = "reasoning", "reasoning_content"
_MARK = b'"reasoning"'
_BUDGET, _THEIR_BUDGET = "thinking_budget", "thinking_token_budget"


class ReasoningNames:
    """The same thought under both names. Pure ASGI. A stream passes event by event; a whole answer is held until it has come, since its length changes."""

    def __init__(self, app: asgi.App):
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        is_chat = scope["type"] == "http" and scope["method"] == "POST" and asgi.route_path(scope) == _PATH
        await self.app(scope, receive, _Answer(send) if is_chat else send)


class _Answer:
    """The `send` of one request."""

    def __init__(self, send: asgi.Send):
        self._send, self._start, self._is_stream, self._held = send, {}, False, b""

    async def __call__(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            self._is_stream = any(
                name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                for name, value in message["headers"]
            )
            self._start = message
            if self._is_stream:
                await self._send(message)
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._is_stream:
            await self._pass(message)
        else:
            await self._hold(message)

    async def _pass(self, message: dict) -> None:
        """Events that are whole go on; the rest waits for its end."""
        is_last = not message.get("more_body")
        whole, end, rest = (self._held + message.get("body", b"")).rpartition(b"\n\n")
        if is_last:
            whole, end, rest = whole + end + rest, b"", b""
        self._held = rest
        events = whole + end
        if _MARK in events:
            events = b"\n\n".join(map(_event, events.split(b"\n\n")))
        await self._send({**message, "body": asgi.in_one_line(events)})

    async def _hold(self, message: dict) -> None:
        self._held += message.get("body", b"")
        if message.get("more_body"):
            return
        body = _json(self._held) if _MARK in self._held else self._held
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({**message, "body": body})


def _event(event: bytes) -> bytes:
    if not event.startswith(b"data: {") or _MARK not in event:
        return event
    return b"data: " + _json(event.removeprefix(b"data: "))


def _json(body: bytes) -> bytes:
    """The body with both names; as it came where it holds no thought."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    choices = answer.get("choices") if isinstance(answer, dict) else None
    places = [place for choice in choices or () for place in (choice.get("delta"), choice.get("message")) if place]
    if not any(_FIELD in place for place in places):
        return body
    for place in places:
        if _FIELD in place:
            place.setdefault(_OTHER, place[_FIELD])
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


class RequestFields:
    """Our `thinking_budget` under vLLM's name, and the server's default for it. Pure ASGI.

    Reads the whole body of a chat request (its size has been checked before) and parses it where needed.
    """

    def __init__(self, app: asgi.App, thinking_budget: int | None = None):
        self.app, self.thinking_budget = app, thinking_budget

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or asgi.route_path(scope) != _PATH:
            return await self.app(scope, receive, send)
        body, is_last = b"", False
        while not is_last:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, is_last = body + message.get("body", b""), not message.get("more_body")
        changed = self._renamed(body)
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(changed)).encode()))
        await self.app({**scope, "headers": headers}, replayed(changed, receive), send)

    def _renamed(self, body: bytes) -> bytes:
        """The body as it came where there is nothing to do, or where it is not JSON: vLLM says what is wrong with it."""
        if self.thinking_budget is None and _BUDGET.encode() not in body:
            return body
        try:
            request = json.loads(body)
        except ValueError:
            return body
        if not isinstance(request, dict):
            return body
        given = request.pop(_BUDGET, None)
        budget = self.thinking_budget if given is None else given
        if budget is not None:
            request.setdefault(_THEIR_BUDGET, budget)
        return json.dumps(request).encode()
