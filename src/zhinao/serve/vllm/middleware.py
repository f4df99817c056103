"""What vLLM's server gets around it: the page, keys, limits, origins, log lines, and our names of fields.

vLLM makes it without arguments (`--middleware`); the settings come by an environment variable from the launcher.
"""

import uvicorn.config

from zhinao.serve.gate import asgi, connection, logs, middleware
from zhinao.serve.gate.auth import Keys
from zhinao.serve.gate.limits import RateLimits
from zhinao.serve.vllm import environment
from zhinao.serve.vllm.field_names import ReasoningNames, RequestFields

# vLLM passes no protocol to uvicorn, which therefore looks this one up when it starts: after middlewares are imported.
_SETTINGS = environment.read()
uvicorn.config.HTTP_PROTOCOLS["auto"] = connection.protocol(
    max_connections=_SETTINGS.max_connections, proxies=_SETTINGS.proxy
)


class FamilyMiddleware:
    """The middlewares of our own server in their own order, around vLLM's application."""

    def __init__(self, app: asgi.App):
        settings = environment.read()
        logs.configure(settings.log_format, settings.log_content)
        limits = RateLimits(settings.requests_per_minute)
        keys = Keys.load(settings.api_key_file)
        app = RequestFields(ReasoningNames(app), settings.thinking_budget)
        self.app = middleware.wrap(app, settings, keys, limits, _Uncounted())

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await self.app(scope, receive, send)


class _Uncounted:
    """In the place of our metrics: `/metrics` is vLLM's own here."""

    def responded(self, route: str, status: int, error: str | None = None) -> None:
        pass
