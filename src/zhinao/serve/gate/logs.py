"""One line a request, as text or JSON, and the request ids. Never what was asked or answered, unless that was switched on."""

import json
import logging
import re
import sys
import time
import traceback
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from zhinao import lang
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi

LOGGER = logging.getLogger("zhinao.serve")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLIENT_LEFT = 499  # nginx's number for a client that closed before the answer
_LONGEST = 256  # characters of a field that the client chose


@dataclass
class RequestRecord:
    """What is told of a request. The service fills in the fields from `model` on; the middleware the others.

    `prompt` and `answer` are content: they are written only where the server logs content. `status` 499: the client left.
    """

    request_id: str
    method: str
    path: str
    status: int | None = None
    seconds: float = 0.0
    key: str | None = None
    model: str | None = None
    user: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_seconds: float | None = None
    finish_reason: str | None = None
    error: str | None = None
    prompt: object = None
    answer: object = None


def record_of(scope: asgi.Scope) -> RequestRecord:
    """The record of a running request; where no LogMiddleware runs (tests), one that nobody writes."""
    made = RequestRecord("", scope.get("method", ""), scope.get("path", ""))
    return asgi.state(scope).setdefault("record", made)


class LogMiddleware:
    """The outermost one: gives the request its id (`X-Request-Id`, in `request.state.request_id`), and writes its line at the end.

    An exception that nobody handled becomes a 500 in the API's shape, and its traceback goes to the log.
    `on_response(route, status, error code or None)` is called for counting; `route` is the pattern, not the path.
    """

    def __init__(self, app: asgi.App, on_response=lambda route, status, error: None):
        self.app, self.on_response = app, on_response

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        record = RequestRecord(_request_id(scope), scope["method"], scope["path"])
        asgi.state(scope).update(record=record, request_id=record.request_id)
        started = time.perf_counter()
        is_whole = False

        async def watching(message: dict) -> None:
            nonlocal is_whole
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")

        answering = asgi.with_headers(watching, lambda: {"X-Request-Id": record.request_id})
        try:
            await self.app(scope, receive, answering)
        except Exception:
            with lang.speaking(None):
                LOGGER.exception(tr("request %s failed", "请求 %s 失败"), record.request_id)
            if record.status is not None and not is_whole:
                raise  # half an answer is out: the server must close the connection
            if record.status is None:
                await asgi.refuse(scope, answering, bug())
        finally:
            record.status = record.status or _CLIENT_LEFT
            record.seconds = time.perf_counter() - started
            record.key = asgi.state(scope).get("key")
            record.error = record.error or asgi.state(scope).get("error")
            self.on_response(getattr(scope.get("route"), "path", "other"), record.status, record.error)
            LOGGER.info("", extra={"request": record})


def _request_id(scope: asgi.Scope) -> str:
    given = asgi.header(scope, "x-request-id")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def bug() -> ApiError:
    """What a client is told of an exception that nobody foresaw."""
    return ApiError(
        500,
        tr(
            "The server failed on this request: a bug. Its log has the details under the id of X-Request-Id.",
            "服务器处理此请求时出错（程序缺陷），详情见日志中对应 X-Request-Id 的记录。",
        ),
    )


class LineFormatter(logging.Formatter):
    """A request's record as one line; other messages as they are. Tracebacks keep the place and lose the words, which may
    quote a request, unless content may be logged."""

    def __init__(self, is_json: bool, shows_content: bool):
        super().__init__()
        self.is_json, self.shows_content = is_json, shows_content

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request = getattr(record, "request", None)
        if request is None:
            fields = {"level": record.levelname.lower(), "message": record.getMessage()}
            if record.exc_info and record.exc_info[0]:
                fields["traceback"] = self.formatException(record.exc_info)
        else:
            fields = self._fields(request)
        if self.is_json:
            return json.dumps({"time": moment, **fields})
        return f"{moment} {_request_line(fields) if request else _message_line(fields)}"

    def _fields(self, request: RequestRecord) -> dict:
        fields = {name: value for name, value in asdict(request).items() if value is not None}
        if not self.shows_content:
            fields = {name: value for name, value in fields.items() if name not in ("prompt", "answer")}
        fields["seconds"] = round(request.seconds, 4)
        return {name: v[:_LONGEST] if _is_long(name, v) else v for name, v in fields.items()}

    def formatException(self, info) -> str:
        if self.shows_content:
            return super().formatException(info)
        frames = traceback.extract_tb(info[2])
        return "".join(traceback.format_list(frames)) + f"{info[0].__module__}.{info[0].__qualname__}"


def _is_long(name: str, value) -> bool:
    return name in ("user", "path", "method", "model", "error") and isinstance(value, str) and len(value) > _LONGEST


def _message_line(fields: dict) -> str:
    rest = "\n" + fields["traceback"] if "traceback" in fields else ""
    return f"{fields['level']}: {fields['message']}{rest}"


def _request_line(fields: dict) -> str:
    first = [fields.pop(name) for name in ("method", "path", "status")]
    seconds = f"{fields.pop('seconds'):.3f}s"
    return " ".join([*(_word(value) for value in first), seconds, *(f"{k}={_word(v)}" for k, v in fields.items())])


def _word(value) -> str:
    """A value that cannot break or colour the line: quoted where it holds anything but plain characters."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        return json.dumps(text)
    return text if text and not set(text) & set(" \"'=") else json.dumps(text, ensure_ascii=False)


def configure(log_format: str = "text", shows_content: bool = False, stream=None) -> None:
    """Send the server's lines and uvicorn's messages to `stream` (stderr). uvicorn's own line a request must be off."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(log_format == "json", shows_content))
    for name in ("zhinao.serve", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
