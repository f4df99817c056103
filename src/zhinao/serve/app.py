"""The application: its routes. What a route does stands in the file of its name, what is refused in `gate/refusals.py`."""

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from zhinao.lang import tr
from zhinao.model.tokenizer import mend_surrogates
from zhinao.prompt import tools
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi, refusals
from zhinao.serve.gate.asgi import App
from zhinao.serve.gate.auth import Keys
from zhinao.serve.gate.middleware import wrap
from zhinao.serve.gate.refusals import REFUSALS
from zhinao.serve.openai import chat, completions, info
from zhinao.serve.openai.json_body import JsonRoute
from zhinao.serve.openai.render import countable, render
from zhinao.serve.openai.responses import request as responses
from zhinao.serve.openai.responses.events import ResponsesShape
from zhinao.serve.openai.schema import (
    Answer,
    ChatRequest,
    CompletionRequest,
    DetokenizeRequest,
    ResponsesRequest,
    TokenizeRequest,
    ignored_headers,
    named,
    own_tools,
)
from zhinao.serve.run.generation import Generation
from zhinao.serve.run.service import Service
from zhinao.version import __version__

_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the answer, or a stream of it",
        "content": {"text/event-stream": {"schema": {}}},
    }
}


def build(service: Service, keys: Keys) -> App:
    """The whole ASGI application with its middlewares."""
    app = FastAPI(title="zhinao", version=__version__, docs_url=None, redoc_url=None, lifespan=None)
    app.router.route_class = JsonRoute
    app.state.service, app.state.has_keys = service, bool(keys)
    refusals.handle(app)
    _add_routes(app)
    refusals.describe(app)
    return wrap(app, service.settings, keys, service.limits, service.metrics)


def _service(request: Request) -> Service:
    return request.app.state.service


async def _off_loop(request: Request, call, *args):
    """`call(*args)`, whose work grows with the body, where it delays nobody."""
    state = asgi.state(request.scope)
    return await _service(request).work.do(state.get("client", ""), state.get("num_bytes", 0), call, *args)


def _add_routes(app: FastAPI) -> None:
    post = {"responses": {**REFUSALS}, "dependencies": [Depends(_json_only)]}
    streamed = {**post, "responses": {**REFUSALS, **_STREAMED}}
    app.post("/v1/chat/completions", response_model=Answer, **streamed, tags=["chat"])(_chat)
    app.post("/v1/responses", **streamed, tags=["responses"])(_responses)
    app.post("/v1/completions", response_model=Answer, **streamed, tags=["completions"])(_completions)
    app.post("/v1/chat/completions/render", **post, tags=["chat"])(_render)
    app.post("/v1/chat/completions/{request_id}/answer_now", responses={**REFUSALS}, tags=["chat"])(_answer_now)
    app.post("/tokenize", **post, tags=["tokens"])(_tokenize)
    app.post("/detokenize", **post, tags=["tokens"])(_detokenize)
    app.get("/v1/models", responses={**REFUSALS}, tags=["models"])(_models)
    app.get("/v1/models/{name:path}", responses={**REFUSALS}, tags=["models"])(_model)
    app.get("/tokenizer_info", responses={**REFUSALS}, tags=["tokens"])(_tokenizer_info)
    app.get("/props", responses={**REFUSALS}, tags=["server"])(_props)
    app.get("/health", responses={503: {"description": "not ready; `reason` says why"}}, tags=["server"])(_health)
    app.get("/metrics", response_class=Response, tags=["server"])(_metrics)
    app.get("/version", tags=["server"])(_version)


async def _chat(request: Request, body: ChatRequest) -> Response:
    """Answer a conversation."""
    service = _service(request)
    service.check_name(body.model)
    headers = ignored_headers(body, service.settings.strict_params)
    budget, name = service.settings.thinking_budget, body.model or service.names[0]
    job = await _off_loop(request, chat.job, body, service.model, name, budget)
    return Generation(service, job, headers)


async def _responses(request: Request, body: ResponsesRequest) -> Response:
    """Answer in the shape of OpenAI's Responses API. Nothing is kept on the server."""
    service = _service(request)
    service.check_name(body.model)
    return await _off_loop(request, _response, service, body)


def _response(service: Service, body: ResponsesRequest) -> Generation:
    raw = body.model_dump(exclude_unset=True)
    form = responses.chat_form(raw)
    try:
        asked = ChatRequest.model_validate(form.chat)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None
    headers = named(list(form.ignored), service.settings.strict_params)
    job = chat.job(asked, service.model, body.model or service.names[0], service.settings.thinking_budget)
    return Generation(service, job, headers, ResponsesShape(raw))


async def _completions(request: Request, body: CompletionRequest) -> Response:
    """Continue a text."""
    service = _service(request)
    service.check_name(body.model)
    headers = ignored_headers(body, service.settings.strict_params)
    job = await _off_loop(request, completions.job, body, service.model, body.model or service.names[0])
    return Generation(service, job, headers)


async def _render(request: Request, body: ChatRequest) -> JSONResponse:
    """The prompt that a chat request would make, as text and ids. Nothing is run."""
    service = _service(request)
    service.check_name(body.model)
    return await _off_loop(request, _rendered, service, body)


def _rendered(service: Service, body: ChatRequest) -> JSONResponse:
    model = service.model
    prompt = render(body, model, tools.read(own_tools(body.tools), body.tool_choice), countable(model))
    answer = {"prompt": mend_surrogates(prompt.text), "token_ids": prompt.ids, "num_prompt_tokens": len(prompt.ids)}
    return JSONResponse({**answer, "opens_thought": prompt.opens_thought}, headers=ignored_headers(body, False))


async def _answer_now(request: Request, request_id: str) -> dict:
    """End the thought of a running request: the answer follows."""
    live = _service(request).live.get(request_id)
    if live is None or live.owner != asgi.state(request.scope).get("key"):
        raise ApiError(404, tr(f"No request {request_id} is running.", f"没有正在运行的请求 {request_id}。"))
    closed = [answer.answer_now() for answer in live.answers]
    return {"id": request_id, "object": "chat.completion.answer_now", "closed": any(closed)}


async def _tokenize(request: Request, body: TokenizeRequest) -> JSONResponse:
    """The ids of a text or of messages."""
    service = _service(request)
    service.check_name(body.model)
    return await _off_loop(request, lambda: JSONResponse(info.tokenize(body, service.model)))


async def _detokenize(request: Request, body: DetokenizeRequest) -> JSONResponse:
    """The text of ids."""
    service = _service(request)
    service.check_name(body.model)
    return await _off_loop(request, lambda: JSONResponse(info.detokenize(body, service.model)))


async def _models(request: Request) -> dict:
    """The model, under each of its names."""
    service = _service(request)
    return {"object": "list", "data": [info.card(service, name) for name in service.names]}


async def _model(request: Request, name: str) -> dict:
    """One name of the model."""
    service = _service(request)
    service.check_name(name)
    return info.card(service, name)


async def _tokenizer_info(request: Request) -> dict:
    """Special tokens and chat template."""
    return info.tokenizer_info(_service(request).model)


async def _props(request: Request) -> dict:
    """What the web page needs to know: the model, its context, its defaults."""
    return info.props(_service(request), request.app.state.has_keys)


async def _health(request: Request) -> JSONResponse:
    """200 when requests are taken, else 503 with the reason."""
    word, reason = _service(request).state()
    if word == "ok":
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": word, "reason": reason}, status_code=503, headers={"Retry-After": "2"})


async def _metrics(request: Request) -> Response:
    """Counts for Prometheus."""
    body, content_type = _service(request).scrape(request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type})


async def _version() -> dict:
    """The version of zhinao."""
    return {"version": __version__}


async def _json_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(
            415,
            tr(
                f"The body must be application/json, not {kind or 'untyped'}.",
                f"请求体必须是 application/json，而不是 {kind or '未注明类型'}。",
            ),
        )
