"""The middlewares in their order around the application. What each does stands in its own file, but for three small ones:

headers that every answer has, in which language a client is answered (that of its `Accept-Language`, English without one), and
HEAD wherever there is GET.
"""

from zhinao import lang
from zhinao.serve.gate import asgi
from zhinao.serve.gate.auth import KeyMiddleware, Keys, is_loopback
from zhinao.serve.gate.body import BodyLimit
from zhinao.serve.gate.cors import OriginGuard, cors
from zhinao.serve.gate.limits import RateLimits, RateMiddleware
from zhinao.serve.gate.logs import LogMiddleware
from zhinao.serve.gate.metrics import Metrics
from zhinao.serve.gate.proxy import behind
from zhinao.serve.page import PageMiddleware
from zhinao.serve.settings import ServeSettings

# It is what its type says, and nobody keeps a copy. The page's files say otherwise themselves.
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


def wrap(app: asgi.App, settings: ServeSettings, keys: Keys, limits: RateLimits, metrics: Metrics) -> asgi.App:
    """From the inside out: HEAD, body, limits, key, CORS, page, origin, log, headers, language, proxies. So a refusal has CORS headers, and every answer its line;
    who has no key costs nothing, and who is over the limit is not read."""
    app = BodyLimit(Heads(app), max_bytes=int(settings.max_body_mb * 1e6))
    app = RateMiddleware(app, limits)
    app = KeyMiddleware(app, keys) if keys else app
    app = cors(app, settings.cors_origin)
    app = PageMiddleware(app)  # outside the key: it asks for one itself
    app = OriginGuard(app, settings.cors_origin, is_local=is_loopback(settings.host), has_keys=bool(keys))
    app = AnswerHeaders(LogMiddleware(app, on_response=metrics.responded))
    return behind(Languages(app), settings.proxy)


class AnswerHeaders:
    """Adds those that every answer has, where it has none of that name."""

    def __init__(self, app: asgi.App):
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        async def adding(message: dict) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                message = {**message, "headers": headers + [one for one in _HEADERS if one[0] not in names]}
            await send(message)

        await self.app(scope, receive, adding if scope["type"] == "http" else send)


class Heads:
    """HEAD is answered as GET is, by the headers alone: the server sends no body for it. FastAPI's routes know no HEAD."""

    def __init__(self, app: asgi.App):
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)
        asgi.state(scope)  # one for both
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for the counts


class Languages:
    """Everything that is said to a client within `app` is in its language; the log keeps the server's own."""

    def __init__(self, app: asgi.App):
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        with lang.speaking(preferred(asgi.header(scope, "accept-language"))):
            await self.app(scope, receive, send)


def preferred(header: str) -> str:
    """`zh` or `en`, by the weights of RFC 9110 (12.5.4); of equals the first. Other languages count for nothing."""
    weights: dict[str, float] = {}
    for entry in header.split(","):
        tag, _, rest = entry.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in ("en", "zh"):
            weights[language] = max(_weight(rest), weights.get(language, 0.0))
    return max(weights, key=weights.__getitem__) if any(weights.values()) else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 1.0
