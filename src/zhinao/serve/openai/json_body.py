"""Bodies of requests as JSON: UTF-8, parsed off the event loop where they are large, and counted before they are parsed.

A body of 8 MB may hold millions of values, whose making would stop everything else for seconds.
"""

import json
import re

from fastapi import Request
from fastapi.routing import APIRoute

from zhinao import foreign
from zhinao.lang import Sentence, tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.run.work import LARGE_BYTES

MAX_FIELDS, MAX_VALUES = 200_000, 1_500_000  # names, lists and objects; commas
_TEXTS = re.compile(rb'"(?:[^"\\]+|\\.)*+"', re.DOTALL)


def parsed(body: bytes):
    """Raises ValueError (json.JSONDecodeError, UnicodeDecodeError, or another for what nests too deeply and for a number of
    thousands of digits), and ApiError 413 for too many values."""
    if len(body) > LARGE_BYTES:
        _check_counts(body)
    return foreign.parse_json(body.decode("utf-8-sig"))


def _check_counts(body: bytes) -> None:
    """Texts may hold whatever they like: they are looked into only where they could be the reason."""
    if _is_much(body) and _is_much(b"".join(_between_texts(body))):
        raise ApiError(
            413,
            tr(
                f"The request's body holds too many values: at most {MAX_FIELDS} fields, lists and objects, "
                f"and {MAX_VALUES} values of lists.",
                f"请求体中的值过多：字段、列表与对象最多 {MAX_FIELDS} 个，列表中的值最多 {MAX_VALUES} 个。",
            ),
            code="request_too_complex",
        )


def _is_much(body: bytes) -> bool:
    return sum(map(body.count, (b":", b"[", b"{"))) > MAX_FIELDS or body.count(b",") > MAX_VALUES


def _between_texts(body: bytes):
    end = 0
    for text in _TEXTS.finditer(body):
        yield body[end : text.start()]
        end = text.end()
    yield body[end:]


class JsonRoute(APIRoute):
    """A route whose body has been parsed when FastAPI asks for it. `num_bytes` in the request's state is its length."""

    def get_route_handler(self):
        handle = super().get_route_handler()

        async def handling(request: Request):
            kind = request.headers.get("content-type", "application/json")
            if request.method == "POST" and "json" in kind:
                request = _Read(request.scope, request.receive)
                await request.read()
            return await handle(request)

        return handling


class _Read(Request):
    async def read(self) -> None:
        """Raises ApiError; what else is wrong is raised when the JSON is asked for, since FastAPI has words for it."""
        body = await self.body()
        state = asgi.state(self.scope)
        state["num_bytes"] = len(body)
        self._failure: json.JSONDecodeError | None = None
        try:
            self._value = await self.app.state.service.work.do(state.get("client", ""), len(body), parsed, body)
        except ValueError as error:
            self._failure = _no_json(error)

    async def json(self):
        if self._failure:
            raise self._failure
        return self._value


def _no_json(error: ValueError) -> json.JSONDecodeError:
    """The one kind of error that FastAPI tells from a bug; for the others it knows no place."""
    if isinstance(error, json.JSONDecodeError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return json.JSONDecodeError(tr("it is not UTF-8", "不是 UTF-8"), "", error.start)
    why = (
        error.args[0] if isinstance(error.args[0], Sentence) else tr("a number has too many digits", "有数字的位数过多")
    )
    return json.JSONDecodeError(why, "", 0)
