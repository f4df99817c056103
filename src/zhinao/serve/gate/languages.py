"""In which language a client is answered: that of its `Accept-Language`, of the two that sentences have. English without one."""

from zhinao import lang
from zhinao.serve.gate import asgi


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
