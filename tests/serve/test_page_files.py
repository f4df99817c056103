"""How the page is sent: policy, caching, what is not built. No browser."""

import gzip
import subprocess
import sys

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from zhinao.serve.page import PageMiddleware, files


async def _own(request):
    return PlainTextResponse("the server's own")


ROUTES = [Route("/{path:path}", _own, methods=["GET", "POST"])]


@pytest.fixture
def dist(tmp_path, monkeypatch):
    """A small built page."""
    (tmp_path / "page").mkdir()
    (tmp_path / "index.html").write_text("<p>chat</p>")
    (tmp_path / "docs.html").write_text("<p>docs</p>")
    (tmp_path / "page" / "main-ABC.js").write_text("let a = 1;" * 100)
    (tmp_path / "page" / "font-ABC.woff2").write_bytes(b"font")
    monkeypatch.setattr(files, "DIST", tmp_path)
    files._files.cache_clear()
    yield tmp_path
    files._files.cache_clear()


async def _get(path, method="GET", root_path="", **headers):
    transport = httpx.ASGITransport(PageMiddleware(Starlette(routes=ROUTES)), root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


def get(path, method="GET", **more):
    import asyncio

    return asyncio.run(_get(path, method, **more))


def test_the_page_may_do_nothing_but_ask_its_own_server(dist):
    answer = get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert answer.text == "<p>chat</p>"
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert policy["connect-src"] == policy["img-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
    assert "unsafe" not in get("/docs").headers["content-security-policy"]


def test_files_named_by_their_content_are_kept_and_the_page_is_asked_for_anew(dist):
    script, page = get("/page/main-ABC.js"), get("/")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert page.headers["cache-control"] == "no-cache"
    again = get("/", if_none_match=page.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get("/page/font-ABC.woff2").headers["content-type"] == "font/woff2"


def test_gzip_only_for_those_who_take_it(dist):
    zipped, plain = (
        get("/page/main-ABC.js", accept_encoding="gzip"),
        get("/page/main-ABC.js", accept_encoding="identity"),
    )
    assert zipped.headers["content-encoding"] == "gzip" and int(zipped.headers["content-length"]) < 200
    assert zipped.text == plain.text == "let a = 1;" * 100
    assert gzip.decompress(files.find("/page/main-ABC.js").zipped) == plain.content


def test_head_has_no_body(dist):
    answer = get("/", "HEAD", accept_encoding="identity")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "11")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/page/absent.js", "/page/../index.html", "/page/%2e%2e/index.html", "/page/"]
)
def test_everything_else_is_the_servers(dist, path):
    assert get(path).text == "the server's own"


def test_posts_are_the_servers(dist):
    assert get("/", "POST").text == "the server's own"


def test_below_a_proxys_path(dist):
    assert get("/chat/", root_path="/chat").text == "<p>chat</p>"


def test_a_page_that_was_not_built_says_so(dist):
    (dist / "index.html").unlink()
    answer = get("/")
    assert answer.status_code == 503 and "make page" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert get("/v1/models").text == "the server's own"


def test_the_package_needs_no_framework():
    code = "import sys, zhinao.serve.page; print([m for m in ('fastapi', 'starlette', 'uvicorn', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
