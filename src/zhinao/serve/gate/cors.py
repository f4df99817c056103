"""Which web pages may use the server: its own, and those named. Refuses other pages' writes and names that are not ours.

A browser lets any page send requests to localhost; that the page cannot read the answer does not help an engine that runs.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.gate.auth import is_loopback

_ANY = ("0.0.0.0", "::")  # as the name of a server: this machine, by every address it has
_PRIVATE = (".local", ".localhost", ".internal", ".home.arpa")  # which the public DNS never holds
_HOST = re.compile(r"(\[[0-9a-f:.]+(%[\w.-]+)?\]|[\w.-]*)(:\d*)?", re.ASCII | re.IGNORECASE)
_EXPOSED = (
    "X-Request-Id",
    "X-Zhinao-Ignored",
    "Retry-After",
    *(f"x-ratelimit-{part}-{what}" for part in ("limit", "remaining", "reset") for what in ("requests", "tokens")),
)


def check_origins(origins: tuple[str, ...]) -> None:
    """Raise UsageError for a `--cors-origin` that no browser would ever send."""
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (not parts.scheme or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}"):
            raise UsageError(
                tr(f"--cors-origin {origin}: not an origin.", f"--cors-origin {origin}：不是有效的来源。"),
                tr(
                    "scheme://host[:port], no path and no slash at the end: https://chat.example.com",
                    "形如 https://chat.example.com：协议://主机[:端口]，不带路径和末尾斜杠",
                ),
            )


def cors(app: asgi.App, origins: tuple[str, ...]) -> asgi.App:
    """`app` with CORS answers for the named origins; untouched without any. Cookies are never allowed: keys come by header."""
    if not origins:
        return app
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=("GET", "POST"), allow_headers=("*",), expose_headers=_EXPOSED
    )


class OriginGuard:
    """403 for writes that another site's page makes a browser send, and for a Host that cannot be this machine: with `is_local`
    (which nobody else reaches) every other name and address, without keys every name that a stranger could own.

    The latter is how a page of another site reads from here: its name is made to point to this machine (DNS rebinding).
    Clients that are no browsers send neither Origin nor Sec-Fetch-Site, and pass.
    """

    def __init__(self, app: asgi.App, origins: tuple[str, ...] = (), is_local: bool = True, has_keys: bool = False):
        self.app, self.origins = app, frozenset(origins)
        self.is_local, self.has_keys = is_local, has_keys
        self._names = {*_ANY, *(urlsplit(origin).hostname for origin in origins)}

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "http" and "*" not in self.origins:
            if not all(map(self._is_own_host, asgi.headers(scope, "host"))):
                return await asgi.refuse(scope, send, _foreign_host())
            if scope["method"] not in ("GET", "HEAD", "OPTIONS") and self._is_foreign(scope):
                return await asgi.refuse(scope, send, _foreign_page())
        await self.app(scope, receive, send)

    def _is_own_host(self, host: str) -> bool:
        """No Host at all is HTTP/1.0 or a program: browsers always send one. An address cannot be rebound as a name can."""
        if not _HOST.fullmatch(host):  # also what `urlsplit` would take for a user's name before it, or a path behind
            return False
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        plain = name.removesuffix(".")
        if not host or is_loopback(name) or plain in self._names:
            return True
        return not self.is_local and (self.has_keys or _is_nobodys(plain))

    def _is_foreign(self, scope: asgi.Scope) -> bool:
        """Sec-Fetch-Site is the browser's own word, which pages cannot set."""
        origin, site = asgi.header(scope, "origin"), asgi.header(scope, "sec-fetch-site")
        if origin in self.origins or site in ("same-origin", "none"):
            return False
        if origin:
            return origin.partition("://")[2] != asgi.header(scope, "host")
        return bool(site)


def _is_nobodys(name: str) -> bool:
    """Whether it is an address, or a name that nobody can register for themselves: of the local network, or without a dot."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_PRIVATE))
    return True


def _foreign_host() -> ApiError:
    return ApiError(
        403,
        tr(
            "This server is not known by that Host name. "
            "If it is meant, also behind a proxy, start the server with --cors-origin https://that.name.",
            "此服务器不接受这个 Host 名称。如确需使用（包括在反向代理之后），请用 --cors-origin https://该名称 启动服务器。",
        ),
        code="host_not_allowed",
    )


def _foreign_page() -> ApiError:
    return ApiError(
        403,
        tr(
            "A web page of another origin may not use this server; start it with --cors-origin ORIGIN to allow one.",
            "其他来源的网页不能使用此服务器；如需允许，请用 --cors-origin 来源 启动。",
        ),
        code="origin_not_allowed",
    )
