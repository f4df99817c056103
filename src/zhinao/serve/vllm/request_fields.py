"""Our request field `thinking_budget` under the name that vLLM has for it, and the server's default for it.

Other fields that `zhinao serve` knows beyond OpenAI's have vLLM's names already.
"""

import json

from zhinao.serve.gate import asgi
from zhinao.serve.gate.body import replayed

_PATH = "/v1/chat/completions"
_FIELD, _OTHER = "thinking_budget", "thinking_token_budget"


class RequestFields:
    """Pure ASGI. Reads the whole body of a chat request (its size has been checked before) and parses it where needed."""

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
        if self.thinking_budget is None and _FIELD.encode() not in body:
            return body
        try:
            request = json.loads(body)
        except ValueError:
            return body
        if not isinstance(request, dict):
            return body
        given = request.pop(_FIELD, None)
        budget = self.thinking_budget if given is None else given
        if budget is not None:
            request.setdefault(_OTHER, budget)
        return json.dumps(request).encode()
