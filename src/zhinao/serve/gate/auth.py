"""Who may ask: named API keys, and the middleware that demands one. Also for vLLM: `--middleware zhinao.serve.gate.auth.KeyMiddleware`.

Knows no limits and no roles: a key opens every route.
"""

import hashlib
import hmac
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.oserrors import next_step, reason
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.gate.proxy import parsed

KEY_VARIABLE = "ZHINAO_API_KEY"
FILE_VARIABLE = "ZHINAO_API_KEY_FILE"  # for vLLM, whose middlewares take no arguments
OPEN_PATHS = ("/health", "/", "/favicon.ico", "/docs", "/openapi.json")  # these hold no data
OPEN_FOLDERS = ("/assets/", "/docs/")


class Keys:
    """Names and secrets. Only hashes are kept, so that comparing takes the same time whatever is presented."""

    def __init__(self, secrets: Iterable[tuple[str, str]] = (), warnings: Iterable[str] = ()):
        self._digests: list[tuple[str, bytes]] = [(name, _digest(secret)) for name, secret in secrets]
        self.warnings = tuple(warnings)

    def __bool__(self) -> bool:
        return bool(self._digests)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._digests)

    def name_of(self, secret: str) -> str | None:
        """The name of a key, or None for one that is not known. Every key is compared, each in constant time."""
        digest, found = _digest(secret), None
        for name, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    @classmethod
    def load(cls, file: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> "Keys":
        """Keys of a file (one `name:key` or bare key a line, `#` for remarks) and of $ZHINAO_API_KEY (by commas).

        `warnings` says where others can read the file. Raises UsageError naming the line that is wrong.
        """
        words, warnings = [], []
        if file:
            words += _lines(Path(file))
            warnings += _open_to_others(Path(file))
        if environ.get(KEY_VARIABLE):
            words += [(f"${KEY_VARIABLE}", word) for word in environ[KEY_VARIABLE].split(",")]
        return cls(_pairs(words), warnings)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _lines(file: Path) -> list[tuple[str, str]]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else tr("it is not UTF-8 text", "不是 UTF-8 文本")
        raise UsageError(
            tr(f"{file}: cannot be read ({why}).", f"{file}：无法读取（{why}）。"),
            next_step(file, error) or tr("one `name:key` a line", "每行一个 `名称:密钥`"),
        ) from None
    words = [(f"{file}:{n}", line) for n, line in enumerate(lines, start=1) if line.strip() and line.strip()[0] != "#"]
    if not words:
        raise UsageError(
            tr(f"{file}: holds no key.", f"{file}：其中没有密钥。"),
            tr("one `name:key` a line", "每行一个 `名称:密钥`"),
        )
    return words


def _pairs(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for place, word in words:
        name, colon, secret = word.strip().partition(":")
        name, secret = (name.strip(), secret.strip()) if colon else (f"key-{len(pairs) + 1}", name)
        if not name.isprintable() or not name or not secret or not all("!" <= char <= "~" for char in secret):
            raise UsageError(
                tr(f"{place}: not a key.", f"{place}：不是有效的密钥。"),
                tr("`name:key`, the key in printable ASCII without spaces", "`名称:密钥`，密钥为不含空格的 ASCII 字符"),
            )
        if name in pairs or secret in pairs.values():
            raise UsageError(
                tr(f"{place}: the name {name!r} or its key was there before.", f"{place}：名称 {name!r} 或其密钥重复。")
            )
        pairs[name] = secret
    return list(pairs.items())


def _open_to_others(file: Path) -> list[str]:
    if not file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [tr(f"{file} can be read by others → chmod 600 {file}", f"其他用户可读取 {file} → chmod 600 {file}")]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. Names other than `localhost` count as reachable."""
    try:
        return parsed(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def check_bind(host: str, keys: Keys, is_allowed: bool) -> None:
    """Raise UsageError where others could reach the server and it would ask nobody for a key."""
    if not (is_loopback(host) or keys or is_allowed):
        raise UsageError(
            tr(
                f"On {host} everybody who reaches this machine could use the model: no API key is set.",
                f"监听 {host} 时，任何能访问本机的人都可以使用模型：尚未设置 API 密钥。",
            ),
            tr(
                f"--api-key-file FILE, or {KEY_VARIABLE}=…; or --allow-anyone if that is meant",
                f"请用 --api-key-file 文件 或 {KEY_VARIABLE}=… 设置密钥；若确实需要开放，请加 --allow-anyone",
            ),
        )


class KeyMiddleware:
    """401 on every route that is not open, unless a known key is presented as `Authorization: Bearer KEY`.

    The key's name stands in the request's state as `key`. Without `keys` they come from the environment; none there is an
    error, since a guard that guards nothing is a trap.
    """

    def __init__(self, app: asgi.App, keys: Keys | None = None):
        self.app = app
        self.keys = keys if keys is not None else Keys.load(os.environ.get(FILE_VARIABLE))
        if not self.keys:
            raise UsageError(
                tr("No API key is set.", "尚未设置 API 密钥。"), f"{KEY_VARIABLE}=name:key / {FILE_VARIABLE}=FILE"
            )

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "lifespan" or _is_open(scope):
            return await self.app(scope, receive, send)
        scheme, _, secret = asgi.header(scope, "authorization").partition(" ")
        is_bearer = scheme.lower() == "bearer" and bool(secret.strip())
        name = self.keys.name_of(secret.strip()) if is_bearer else None
        if name is not None:
            asgi.state(scope)["key"] = name
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await asgi.refuse(scope, send, _unknown() if is_bearer else _missing())


def _is_open(scope: asgi.Scope) -> bool:
    """A browser sends no key with OPTIONS; routes answer nothing of value to it."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        return False
    path = asgi.route_path(scope)
    return scope["method"] == "OPTIONS" or path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def _missing() -> ApiError:
    return ApiError(
        401,
        tr(
            "This server wants an API key: send the header `Authorization: Bearer KEY`.",
            "此服务器需要 API 密钥：请发送 `Authorization: Bearer 密钥` 请求头。",
        ),
        code="missing_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _unknown() -> ApiError:
    return ApiError(
        401,
        tr("This API key is not known here.", "API 密钥无效。"),
        code="invalid_api_key",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
