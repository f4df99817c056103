"""The built page's files in memory, each with the headers it is sent with. Does not build them (`make page` does)."""

import functools
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from zhinao.lang import tr

DIST = Path(__file__).parent / "dist"

# What the page may do: nothing but its own files and its own server. Trusted Types: no string becomes markup unsanitised.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
)
_CHAT_POLICY = _POLICY + "img-src 'self'; require-trusted-types-for 'script'; trusted-types dompurify"
_DOCS_POLICY = _POLICY + "img-src 'self' data:"  # Swagger UI draws its icons so, and renders without Trusted Types
_FILE_POLICY = "default-src 'none'"

_TYPES = {".js": "text/javascript", ".woff2": "font/woff2"}  # the machine's own table may say otherwise


@dataclass(frozen=True)
class PageFile:
    """A file as it is sent. `zipped` is the body under gzip, or None where that saves nothing."""

    status: int
    body: bytes
    zipped: bytes | None
    headers: tuple[tuple[str, str], ...]

    @property
    def etag(self) -> str | None:
        return dict(self.headers).get("etag")


def find(path: str) -> PageFile | None:
    """The file for a URL path, or None where the path is not the page's. Where nothing was built, `/` is a sentence that says so."""
    if path in ("/", "/docs"):
        return _files().get(path) or _not_built()
    return _files().get(path)


@functools.cache
def _files() -> dict[str, PageFile]:
    """URL path -> file. Read whole, so that no path that a client sends is ever opened."""
    if not (DIST / "index.html").is_file():
        return {}
    found = {f"/page/{file.name}": _asset(file) for file in sorted((DIST / "page").iterdir())}
    found["/"] = _html((DIST / "index.html").read_bytes(), _CHAT_POLICY)
    found["/docs"] = _html((DIST / "docs.html").read_bytes(), _DOCS_POLICY)
    return found


def _asset(file: Path) -> PageFile:
    """A file whose name holds the hash of its content: it can be kept for ever. (licenses.txt has none.)"""
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    keep = "no-cache" if file.suffix == ".txt" else "public, max-age=31536000, immutable"
    return _made(file.read_bytes(), kind, keep, _FILE_POLICY)


def _html(body: bytes, policy: str, status: int = 200) -> PageFile:
    return _made(body, "text/html", "no-cache", policy, status)


def _made(body: bytes, kind: str, keep: str, policy: str, status: int = 200) -> PageFile:
    is_text = kind.startswith("text/") or kind == "image/svg+xml"
    headers = {
        "content-type": f"{kind}; charset=utf-8" if is_text else kind,
        "cache-control": keep,
        "etag": f'W/"{hashlib.sha256(body).hexdigest()[:20]}"',  # weak: the same for the zipped body
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "vary": "accept-encoding",
    }
    return PageFile(status, body, gzip.compress(body, 6, mtime=0) if is_text else None, tuple(headers.items()))


def _not_built() -> PageFile:
    sentence = tr(
        "The server runs, but its web page was not built: run `make page` in the project's folder and start the server again.",
        "服务器正在运行，但网页尚未构建：请在项目目录中运行 `make page`，然后重新启动服务器。",
    )
    return _made(f"{sentence}\n".encode(), "text/plain", "no-store", _FILE_POLICY, 503)
