import contextlib
import io
import json
import logging
import re

import pytest

from tests.serve.toy import call, toy
from zhinao.serve.gate import logs
from zhinao.serve.gate.auth import KeyMiddleware, Keys
from zhinao.serve.gate.logs import LogMiddleware, RequestRecord, record_of


@pytest.fixture
def lines():
    """`lines(format, shows_content)` sends the log here; call the result for what stands in it."""
    before = {name: logging.getLogger(name) for name in ("zhinao.serve", "uvicorn.error")}
    saved = {name: (logger.handlers, logger.propagate, logger.level) for name, logger in before.items()}
    stream = io.StringIO()

    def start(*settings):
        logs.configure(*settings, stream=stream)
        return lambda: stream.getvalue()

    yield start
    for name, (handlers, propagate, level) in saved.items():
        before[name].handlers, before[name].propagate = handlers, propagate
        before[name].setLevel(level)


class Telling:
    """An application that tells its record what a service would."""

    def __init__(self, **fields):
        self.fields, self.app = fields, toy()

    async def __call__(self, scope, receive, send):
        for name, value in self.fields.items():
            setattr(record_of(scope), name, value)
        await self.app(scope, receive, send)


SERVICE = {"model": "7b", "user": "u 1", "prompt_tokens": 12, "completion_tokens": 40, "finish_reason": "stop"}
CONTENT = {"prompt": [{"role": "user", "content": "geheim"}], "answer": "geheim!"}


def test_a_line_of_text(lines):
    read = lines("text")
    app = LogMiddleware(KeyMiddleware(Telling(**SERVICE, **CONTENT), Keys([("alice", "sk-a")])))
    headers = {"Authorization": "Bearer sk-a", "X-Request-Id": "abc-1"}
    call(app, "POST", "/v1/echo?prompt=geheim", headers=headers, content="geheim")
    line = read()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:.]+Z POST /v1/echo 200 \d\.\d{3}s request_id=abc-1 key=alice model=7b "
        r'user="u 1" prompt_tokens=12 completion_tokens=40 finish_reason=stop\n',
        line,
    ), line


def test_a_line_of_json(lines):
    read = lines("json")
    call(LogMiddleware(Telling(**SERVICE, **CONTENT)), "POST", "/v1/echo")
    line = json.loads(read())
    assert {name: line[name] for name in SERVICE} == SERVICE
    assert line["status"] == 200 and line["method"] == "POST" and line["path"] == "/v1/echo" and line["seconds"] >= 0
    assert "geheim" not in str(line)


def test_content_only_when_asked(lines):
    read = lines("json", True)
    call(LogMiddleware(Telling(**CONTENT)), "POST")
    line = json.loads(read())
    assert (line["prompt"], line["answer"]) == (CONTENT["prompt"], CONTENT["answer"])


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "user", ['a"b=c', "a\nPOST /fake 200", "\x1b[2J", "\u202eevil", "\ud800", "x" * 100_000, "", "小明"]
)
def test_a_field_cannot_break_the_line(lines, log_format, user):
    read = lines(log_format)
    call(LogMiddleware(Telling(user=user)), "POST", "/v1/echo")
    text = read()
    assert text.count("\n") == 1 and text[:-1].isprintable() and len(text) < 600
    text.encode()


def test_a_path_cannot_break_the_line(lines):
    read = lines("text")
    call(LogMiddleware(toy()), "GET", "/v1/%0aFAKE%1b%20x")
    assert read().count("\n") == 1 and read()[:-1].isprintable()


@pytest.mark.parametrize("given", ["abc", "a.B_c-9", "x" * 64])
def test_a_sane_request_id_is_kept(given):
    assert call(LogMiddleware(toy()), headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "é".encode(), b"a\xff"])
def test_another_is_replaced(given):
    assert re.fullmatch(
        "[0-9a-f]{32}", call(LogMiddleware(toy()), headers={"X-Request-Id": given}).headers["X-Request-Id"]
    )


def test_a_bug_is_a_500_in_the_api_s_shape_and_its_words_stay_out_of_the_log(lines):
    read = lines("text")

    async def app(scope, receive, send):
        raise RuntimeError("geheim")

    reply = call(LogMiddleware(app), headers={"X-Request-Id": "abc"})
    assert reply.status_code == 500 and reply.json()["error"]["type"] == "server_error"
    assert "geheim" not in reply.text
    text = read()
    assert "RuntimeError" in text and "test_logs.py" in text and "request abc failed" in text
    assert "RuntimeError: geheim" not in text
    assert " 500 " in text.splitlines()[-1]


def test_routes_and_refusals_are_counted_by_pattern():
    seen = []
    app = LogMiddleware(KeyMiddleware(toy(), Keys([("a", "k")])), on_response=lambda *what: seen.append(what))
    for path in ("/v1/echo", "/v1/chat/completions/42/answer_now", "/nothing"):
        call(app, "POST", path, headers={"Authorization": "Bearer k"})
    call(app, "POST", "/v1/echo")
    assert seen == [
        ("/v1/echo", 200, None),
        ("/v1/chat/completions/{id}/answer_now", 200, None),
        ("other", 404, None),
        ("other", 401, "missing_api_key"),
    ]


def test_a_stream_is_logged_when_it_has_ended(lines):
    read = lines("text")
    assert call(LogMiddleware(toy()), path="/v1/stream").text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert "GET /v1/stream 200" in read()


def test_a_client_that_left_is_499(lines):
    read = lines("text")

    async def app(scope, receive, send):
        pass

    with contextlib.suppress(AssertionError):  # httpx misses the answer
        call(LogMiddleware(app))
    assert " 499 " in read()


def test_without_the_middleware_a_record_is_there_too():
    assert isinstance(record_of({"type": "http", "method": "GET", "path": "/"}), RequestRecord)
