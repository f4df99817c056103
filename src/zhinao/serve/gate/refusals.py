"""Refusals of FastAPI's application in one shape and both languages, and how its OpenAPI page describes them.

What pydantic finds wrong with a body: no JSON is a 400, a field of a wrong type a 422 that names it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from zhinao.errors import ZhinaoError
from zhinao.lang import both, tr
from zhinao.serve import errors
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi, logs

# The shapes of refusals, for the OpenAPI page.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    for status, words in {
        400: "a value that cannot be meant, or a prompt over the context",
        401: "no key, or an unknown one",
        403: "a page of another origin",
        404: "no such model or request",
        408: "the body did not come in time",
        413: "the body is too large",
        415: "not application/json",
        422: "a field of the wrong type",
        429: "a limit is reached; Retry-After says when to come again",
        500: "a bug",
        503: "the model is being loaded or started again, or the server is leaving",
    }.items()
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
# Of pydantic's kinds those that our fields have; the names of types stay as programmers know them.
_CHINESE = {
    "missing": "缺少此字段",
    "string_type": "必须是字符串",
    "int_type": "必须是整数",
    "int_from_float": "必须是整数",
    "float_type": "必须是数字",
    "bool_type": "必须是 true 或 false",
    "list_type": "必须是列表",
    "dict_type": "必须是对象",
    "model_type": "必须是对象",
    "model_attributes_type": "必须是对象",
    "too_long": "最多 {max_length} 项",
    "greater_than_equal": "应 ≥ {ge}",
    "less_than_equal": "应 ≤ {le}",
}


def handle(app: FastAPI) -> None:
    """Whatever goes wrong in a route is answered in the shape of OpenAI's errors."""
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(ZhinaoError, _failed)
    app.add_exception_handler(Exception, _bug)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def describe(app: FastAPI) -> None:
    """Put the shape of errors into the OpenAPI description, where FastAPI would put its own."""
    description = app.openapi()  # made once and kept: changed in place
    description["components"]["schemas"]["Error"] = _ERROR_SCHEMA
    for path in description["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = REFUSALS[422]
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)


async def _refused(request: Request, error: ApiError) -> JSONResponse:
    asgi.state(request.scope)["error"] = error.code or error.kind
    return JSONResponse(error.body(), status_code=error.status, headers=error.headers)


async def _failed(request: Request, error: ZhinaoError) -> JSONResponse:
    return await _refused(request, errors.of(error))


async def _bug(request: Request, error: Exception) -> JSONResponse:
    """An exception that nobody foresaw; the log has it under the request's id."""
    return await _refused(request, logs.bug())


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    return await _refused(request, wrong_body(error.errors()))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    words = {
        404: tr(f"There is no {request.url.path}.", f"没有 {request.url.path}。"),
        405: tr(f"{request.url.path} does not take {request.method}.", f"{request.url.path} 不接受 {request.method}。"),
    }
    message, headers = words.get(error.status_code, str(error.detail)), dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    return await _refused(request, ApiError(error.status_code, message, headers=headers))


def wrong_body(errors: Sequence[Mapping]) -> ApiError:
    """`errors` as `ValidationError.errors()` gives them; the first is told."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return _no_json(first)
    place = ".".join(str(part) for part in first["loc"][1:] if not _is_union_branch(part))
    english = first["msg"]
    known = _CHINESE.get(first["type"])
    chinese = known.format_map(first.get("ctx") or {}) if known else english
    code = "missing_required_parameter" if first["type"] == "missing" else None
    name = place or "body"
    return ApiError(422, tr(f"{name}: {english}.", f"{name}：{chinese}。"), param=place or None, code=code)


def _no_json(first: Mapping) -> ApiError:
    place, (english, chinese) = first["loc"][-1], both(first.get("ctx", {}).get("error", ""))
    return ApiError(
        400,
        tr(f"The body is not JSON (at {place}: {english}).", f"请求体不是有效的 JSON（位置 {place}：{chinese}）。"),
        code="invalid_json",
    )


def _is_union_branch(part) -> bool:
    """Pydantic names the branch of a union in its places (`str`, `list[int]`), which is no field."""
    return isinstance(part, str) and (part in ("str", "int", "float", "bool") or "[" in part)
