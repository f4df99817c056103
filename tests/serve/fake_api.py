"""A scripted server in front of which the page runs: answers are lists of steps, written by the tests. No model, no engine."""

import asyncio
import contextlib
import json
import socket
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from zhinao.serve.page import PageMiddleware

DEFAULTS = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.0, "repetition_penalty": 1.0}
USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 63,
    "total_tokens": 84,
    "completion_tokens_details": {"reasoning_tokens": 40},
}


TIMINGS = {"tokens_per_second": 31.5}


def thought(text):
    return {"delta": {"reasoning_content": text, "reasoning": text}}


def answer(text, *logprobs):
    """`logprobs`: (token, log-probability) pairs."""
    content = [{"token": token, "logprob": value, "bytes": None, "top_logprobs": []} for token, value in logprobs]
    return {"delta": {"content": text}, **({"logprobs": {"content": content}} if content else {})}


def finish(reason="stop", **fields):
    return {"delta": {}, "finish_reason": reason, **fields}


WAIT = "wait"  # until `release()`, `answer_now` or the client's leaving
BREAK = "break"  # the connection ends without a last word


class FakeApi:
    """`play(*steps)` sets the answer of the next request (else a short one). `requests` holds the bodies received.

    `num_loading`: how often `/props` says that the model is being loaded.
    """

    def __init__(self):
        self.requests, self.keys, self.num_left, self.is_ours, self.key, self.num_loading = [], [], 0, True, None, 0
        self.languages, self.known = [], ["zh", "en"]
        self._scripts, self._go = [], threading.Event()
        self.app = PageMiddleware(
            Starlette(
                routes=[
                    Route("/props", self._props),
                    Route("/v1/models", self._models),
                    Route("/v1/chat/completions", self._chat, methods=["POST"]),
                    Route("/v1/chat/completions/{id}/answer_now", self._answer_now, methods=["POST"]),
                    Route("/openapi.json", self._openapi),
                ]
            )
        )

    def play(self, *steps):
        self._scripts.append(steps)

    def release(self):
        self._go.set()

    def reset(self):
        self.__dict__.update(
            requests=[], keys=[], languages=[], num_left=0, is_ours=True, key=None, num_loading=0, _scripts=[]
        )
        self.known = ["zh", "en"]
        self._go.clear()

    def _refusal(self, request: Request):
        given = request.headers.get("authorization")
        self.keys.append(given)
        if self.key is None or given == f"Bearer {self.key}":
            return None
        return _error(401, "No API key, or a wrong one.")

    async def _props(self, request):
        if self.num_loading:
            self.num_loading -= 1
            return _error(503, "The model is being loaded.")
        if not self.is_ours:
            return JSONResponse({"detail": "Not Found"}, 404)
        about = {"model": "zhinao-7b", "thinks": True, "num_context_tokens": 32768, "defaults": DEFAULTS}
        about["languages"] = self.known
        return JSONResponse(
            about | {"engine": "fake", "precision": "int8", "version": "0.1.0", "needs_key": bool(self.key)}
        )

    async def _models(self, request):
        return self._refusal(request) or JSONResponse(
            {"object": "list", "data": [{"id": "zhinao-7b", "object": "model"}]}
        )

    async def _answer_now(self, request):
        self.release()
        return JSONResponse({"id": request.path_params["id"], "object": "chat.completion.answer_now", "closed": True})

    async def _openapi(self, request):
        schema = {"type": "object", "properties": {"model": {"type": "string"}}}
        body = {"content": {"application/json": {"schema": schema}}}
        operation = {
            "summary": "Answer a conversation",
            "requestBody": body,
            "responses": {"200": {"description": "An answer"}},
        }
        paths = {"/v1/chat/completions": {"post": operation}}
        return JSONResponse({"openapi": "3.1.0", "info": {"title": "zhinao", "version": "0.1.0"}, "paths": paths})

    async def _chat(self, request):
        if refusal := self._refusal(request):
            return refusal
        self.requests.append(await request.json())
        self.languages.append(request.headers.get("accept-language"))
        steps = self._scripts.pop(0) if self._scripts else (answer("Good."), finish())
        if isinstance(steps[0], JSONResponse):
            return steps[0]
        self._go.clear()
        return StreamingResponse(self._stream(steps, len(self.requests)), media_type="text/event-stream")

    async def _stream(self, steps, number):
        is_over = False
        try:
            for step in steps:
                if step == WAIT:
                    while not self._go.is_set():
                        await asyncio.sleep(0.01)
                elif step == BREAK:
                    raise ConnectionError("scripted")
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, bytes):
                    yield step
                else:
                    yield event({"id": f"chatcmpl-{number}", "choices": [{"index": 0, **step}]})
            yield event({"id": f"chatcmpl-{number}", "choices": [], "usage": USAGE, "timings": TIMINGS})
            yield b"data: [DONE]\n\n"
            is_over = True
        finally:
            self.num_left += not is_over


def event(value) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _error(status, message, code=None):
    return JSONResponse({"error": {"message": message, "type": "x", "param": None, "code": code}}, status)


def refusal(status, message, code=None):
    """A step in place of all others: the request is refused."""
    return _error(status, message, code)


@contextlib.contextmanager
def serving(app):
    """The app on a free port of 127.0.0.1; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(5)
