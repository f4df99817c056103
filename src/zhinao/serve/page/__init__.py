"""Puts the page in front of any ASGI server: ours, or vLLM's by `--middleware zhinao.serve.page.PageMiddleware`.

It answers GET and HEAD of `/`, `/docs` and `/page/…`; everything else goes on to the server, untouched.
"""

from zhinao.serve.page import files
from zhinao.serve.page.files import PageFile


class PageMiddleware:
    """Pure ASGI. Put it outermost: the page itself needs no API key, and it says nothing that needs one."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        file = files.find(_path(scope)) if is_read else None
        if file is None:
            await self.app(scope, receive, send)
            return
        status, headers, body = _answer(file, dict(scope["headers"]))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _path(scope) -> str:
    """The path below `root_path`, which servers behind a proxy leave in front."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _answer(file: PageFile, asked: dict[bytes, bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body: 304 where the browser has it already, gzip where it takes that."""
    headers = [(name.encode(), value.encode()) for name, value in file.headers]
    if file.etag.encode() in asked.get(b"if-none-match", b""):
        return 304, headers, b""
    body = file.body
    if file.zipped and b"gzip" in asked.get(b"accept-encoding", b""):
        body = file.zipped
        headers.append((b"content-encoding", b"gzip"))
    return file.status, [*headers, (b"content-length", str(len(body)).encode())], body
