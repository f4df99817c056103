"""The middlewares in their order around the application. What each does stands in its own file."""

from zhinao.serve.gate import asgi
from zhinao.serve.gate.answer_headers import AnswerHeaders
from zhinao.serve.gate.auth import KeyMiddleware, Keys, is_loopback
from zhinao.serve.gate.body import BodyLimit
from zhinao.serve.gate.cors import OriginGuard, cors
from zhinao.serve.gate.languages import Languages
from zhinao.serve.gate.limits import RateLimits, RateMiddleware
from zhinao.serve.gate.logs import LogMiddleware
from zhinao.serve.gate.metrics import Metrics
from zhinao.serve.gate.proxy import behind
from zhinao.serve.page import PageMiddleware
from zhinao.serve.settings import ServeSettings


def wrap(app: asgi.App, settings: ServeSettings, keys: Keys, limits: RateLimits, metrics: Metrics) -> asgi.App:
    """From the inside out: body, limits, key, CORS, page, origin, log, headers, language, proxies. So a refusal has CORS headers, and every answer its line;
    who has no key costs nothing, and who is over the limit is not read."""
    app = BodyLimit(app, max_bytes=int(settings.max_body_mb * 1e6))
    app = RateMiddleware(app, limits)
    app = KeyMiddleware(app, keys) if keys else app
    app = cors(app, settings.cors_origin)
    app = PageMiddleware(app)  # outside the key: it asks for one itself
    app = OriginGuard(app, settings.cors_origin, is_local=is_loopback(settings.host), has_keys=bool(keys))
    app = AnswerHeaders(LogMiddleware(app, on_response=metrics.responded))
    return behind(Languages(app), settings.proxy)
