"""A hub on 127.0.0.1 that speaks what huggingface_hub, `download.py` and modelscope_hub ask of one; it can misbehave.

Large files (safetensors) are LFS: they redirect to another host name, as a content network does.
"""

import contextlib
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """`repos`: id -> {file name: bytes}. The switches may be turned while it runs; `requests` logs (path, headers)."""

    def __init__(self, repos: dict[str, dict[str, bytes]]):
        self.repos = repos
        self.requests: list[tuple[str, dict]] = []
        self.seconds_per_block = 0.0
        self.block = 4096
        self.dies_after: int | None = None  # bytes per answer
        self.wrong: set[str] = set()  # files whose bytes are not those announced
        self.status: dict[str, int] = {}  # repo id or file name -> HTTP status
        self.is_range_known = True
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                hub._answer(self)

            def do_GET(self):
                hub._answer(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def asked(self, name: str) -> list[dict]:
        """Headers of the requests for the bytes of a file."""
        return [headers for path, headers in self.requests if path.endswith(name) and "/resolve/" not in path]

    def _answer(self, request) -> None:
        path = urlsplit(request.path).path
        self.requests.append((path, {k.lower(): v for k, v in request.headers.items()}))
        with contextlib.suppress(ConnectionError):
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self._info(request, *found.groups())
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
                self._resolve(request, *found.groups())
            elif found := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", path):
                self._modelscope_files(request, found.group(1))
            elif found := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo", path):
                self._bytes(request, found.group(1), parse_qs(urlsplit(request.path).query)["FilePath"][0])
            elif found := re.fullmatch(r"/(?:cdn|plain)/([^/]+/[^/]+)/(.+)", path):
                self._bytes(request, *found.groups())
            else:
                self._end(request, 404)

    def _info(self, request, repo: str, revision: str | None) -> None:
        if repo not in self.repos or repo in self.status:
            status = self.status.get(repo, 404)
            code = {403: "GatedRepo", 401: "RepoNotFound", 404: "RepoNotFound"}.get(status)
            return self._end(request, status, {"X-Error-Code": code} if code else {})
        if revision not in (None, "main", SHA):
            return self._end(request, 404, {"X-Error-Code": "RevisionNotFound"})
        body = json.dumps(
            {"id": repo, "sha": SHA, "siblings": [self._sibling(n, b) for n, b in self.repos[repo].items()]}
        )
        return self._end(request, 200, {"Content-Type": "application/json"}, body.encode())

    def _modelscope_files(self, request, repo: str) -> None:
        if repo not in self.repos:
            return self._end(
                request, 404, {"Content-Type": "application/json"}, b'{"Code": 10010205001, "Message": "no"}'
            )
        files = [
            {"Path": name, "Name": name, "Type": "blob", "Size": len(data), "Sha256": hashlib.sha256(data).hexdigest()}
            for name, data in self.repos[repo].items()
        ]
        body = json.dumps({"Code": 200, "Success": True, "Data": {"Files": files}}).encode()
        return self._end(request, 200, {"Content-Type": "application/json"}, body)

    def _sibling(self, name: str, content: bytes) -> dict:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"rfilename": name, "size": len(content), "blobId": blob}
        if is_lfs(name):
            entry["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
        return entry

    def _resolve(self, request, repo: str, name: str) -> None:
        if name in self.status:
            return self._end(request, self.status[name])
        if is_lfs(name):
            return self._end(request, 302, {"Location": f"http://localhost:{self.port}/cdn/{repo}/{name}"})
        self.requests.append((f"/plain/{repo}/{name}", {}))
        return self._bytes(request, repo, name)

    def _bytes(self, request, repo: str, name: str) -> None:
        content = self.repos[repo].get(name)
        if content is None:
            return self._end(request, 404)
        if name in self.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start, headers, status = 0, {}, 200
        if (wanted := request.headers.get("Range")) and self.is_range_known:
            start, status = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1)), 206
            if start >= len(content):
                return self._end(request, 416, {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(request, status, {**headers, "Content-Length": str(len(content) - start)})
        if request.command == "HEAD":
            return None
        end = len(content) if self.dies_after is None else min(len(content), start + self.dies_after)
        for at in range(start, end, self.block):
            request.wfile.write(content[at : min(at + self.block, end)])
            request.wfile.flush()
            time.sleep(self.seconds_per_block)
        if end < len(content):
            request.close_connection = True
            request.connection.close()
        return None

    def _head(self, request, status: int, headers: dict) -> None:
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()

    def _end(self, request, status: int, headers: dict | None = None, body: bytes = b"") -> None:
        self._head(request, status, {**(headers or {}), "Content-Length": str(len(body))})
        if request.command != "HEAD":
            request.wfile.write(body)


def is_lfs(name: str) -> bool:
    return name.endswith(".safetensors")
