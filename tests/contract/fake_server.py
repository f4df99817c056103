"""A small OpenAI-compatible server in this process that keeps the whole contract, and can be broken in many ways (`faults.py`)."""

import json
import select
import socket
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.contract import fake_api as api
from tests.contract import fake_model as model
from tests.contract.faults import Fault

NUM_SLOTS, MAX_BODY, MAX_WAITING = 4, 2**23, 40


class State:
    """What requests share: places to run, and counts."""

    def __init__(self, fault: Fault, key: str | None, seconds_per_token: float):
        self.fault, self.key, self.seconds_per_token = fault, key, seconds_per_token
        self.slots = threading.Semaphore(NUM_SLOTS)
        self.lock, self.one_at_a_time = threading.Lock(), threading.Lock()
        self.is_broken = False
        self.known_ids, self.closed_ids = set(), set()
        self.num_running = self.num_waiting = self.num_prompt = self.num_made = 0


class ClientLeft(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: State

    def log_message(self, *_) -> None:
        pass

    def send_error(self, *args, **more) -> None:
        """What is no HTTP at all ends up here."""
        self.state.is_broken = self.state.fault.is_on("breaks")
        super().send_error(*args, **more)

    # answers

    def answer(self, status: int, body, headers: dict | None = None, kind: str = "application/json") -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
        status, data, kind = self.state.fault.reply(status, data, kind)
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}
        for name, value in self.state.fault.headers(headers, self).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        headers = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache",
            "Transfer-Encoding": "chunked",
        }
        for name, value in self.state.fault.headers(headers, self).items():
            self.send_header(name, value)
        self.end_headers()

    def piece(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    # requests

    def body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY and not self.state.fault.is_on("big-body"):
            self.close_connection = True
            raise api.Refused(413, f"the body may have {MAX_BODY} bytes")
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(length)
        parts, total = [], 0
        while size := int(self.rfile.readline(), 16):
            part, total = self.rfile.read(size), total + size
            self.rfile.readline()
            if total <= MAX_BODY:
                parts.append(part)
        self.rfile.readline()
        if total > MAX_BODY and not self.state.fault.is_on("big-body"):
            raise api.Refused(413, f"the body may have {MAX_BODY} bytes")
        return b"".join(parts)

    def handle_one(self) -> None:
        with self.state.one_at_a_time if self.state.fault.is_on("one-at-a-time") else nullcontext():
            self.serve_one()

    def serve_one(self) -> None:
        path = self.path.split("?")[0]
        if self.state.is_broken or (self.state.fault.is_on("no-http10") and self.request_version == "HTTP/1.0"):
            return self.answer(505, {})
        try:
            data = self.body() if self.command == "POST" else b""
            self.check_key(path)
            if blunt := self.state.fault.blunt(path):
                return self.answer(*blunt)
            routes = {"GET": self.get_routes(), "POST": self.post_routes()}
            method = "GET" if self.command == "HEAD" else self.command
            if method in routes and path in routes[method]:
                return routes[method][path](*([self.read_json(data)] if method == "POST" else []))
            if path.startswith("/v1/models/") and method == "GET":
                return self.one_model(path.removeprefix("/v1/models/"))
            if path.endswith("/answer_now"):
                return self.answer_now(path.split("/")[-2])
            for other, known in routes.items():
                if path in known:
                    refused = api.Refused(405, f"{path} wants {other}")
                    refused.headers = {"Allow": other}
                    raise refused
            raise api.Refused(404, f"there is no {path}")
        except api.Refused as refused:
            self.answer(refused.status, refused.body, refused.headers)
        except (ClientLeft, BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_OPTIONS = do_PUT = handle_one

    def check_key(self, path: str) -> None:
        key, scheme_and_key = self.state.key, self.headers.get("Authorization", "").split(" ", 1)
        is_right = len(scheme_and_key) == 2 and scheme_and_key[0].lower() == "bearer" and scheme_and_key[1] == key
        if key and path != "/health" and not is_right and not self.state.fault.is_on("no-auth"):
            said = (
                self.headers.get("Authorization") if self.state.fault.is_on("shows-key") else "this server wants a key"
            )
            refused = api.Refused(401, f"{said}")
            refused.headers = {"WWW-Authenticate": "Bearer"}
            raise refused

    def read_json(self, data: bytes):
        api.refuse("json" not in self.headers.get("Content-Type", "json"), "the body must be application/json")
        try:
            body = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise api.Refused(400, f"the body is not JSON: {str(error)[:80]}") from None
        return self.state.fault.request(body)

    def get_routes(self) -> dict:
        card = {"id": api.NAME, "object": "model", "created": 1, "owned_by": "test", "max_model_len": api.CONTEXT}
        props = {"model": api.NAME, "num_context_tokens": api.CONTEXT, "thinks": True, "defaults": {}}
        page = "<html><script src='/app.js'></script></html>"
        return {
            "/v1/models": lambda: self.answer(200, {"object": "list", "data": [card]}),
            "/health": lambda: self.answer(200, {"status": "ok"}),
            "/version": lambda: self.answer(200, {"version": "1"}),
            "/props": lambda: self.answer(200, props),
            "/metrics": self.metrics,
            "/openapi.json": lambda: self.answer(200, {"paths": {"/v1/chat/completions": {}}}),
            "/docs": lambda: self.answer(200, page, kind="text/html"),
            "/": lambda: self.answer(200, page, kind="text/html"),
        }

    def one_model(self, name: str) -> None:
        if name != api.NAME:
            raise api.Refused(404, f"the model {name} does not exist")
        self.answer(200, {"id": name, "object": "model", "created": 1, "owned_by": "test"})

    def answer_now(self, number: str) -> None:
        if number not in self.state.known_ids:
            raise api.Refused(404, f"no request {number} runs")
        self.state.closed_ids.add(number)
        self.answer(200, {"id": number, "object": "chat.completion.answer_now", "closed": True})

    def metrics(self) -> None:
        state, fault = self.state, self.state.fault
        values = {
            "vllm:num_requests_running": state.num_running + fault.is_on("metrics-stuck"), "vllm:num_requests_waiting": state.num_waiting,
            "vllm:prompt_tokens_total": state.num_prompt, "vllm:generation_tokens_total": state.num_made * (not fault.is_on("metrics-frozen")), "up": 1,
        }  # fmt: skip
        self.answer(
            200, "".join(f'{name}{{model="fake"}} {value}\n' for name, value in values.items()), kind="text/plain"
        )

    def post_routes(self) -> dict:
        return {
            "/v1/chat/completions": lambda body: self.run(api.Chat, body),
            "/v1/completions": lambda body: self.run(api.Completion, body),
            "/v1/chat/completions/render": self.render,
            "/v1/responses": self.respond,
            "/tokenize": self.tokenize,
            "/detokenize": self.detokenize,
        }

    def render(self, body) -> None:
        text = api.render(body)
        self.answer(200, {"prompt": text, "token_ids": model.ids_of(text)[self.state.fault.is_on("tokens-lost") :]})

    def tokenize(self, body) -> None:
        if self.state.fault.is_on("tokens-lenient"):
            body = {"prompt": "a", **body}
        api.refuse("prompt" not in body and "messages" not in body, "prompt is missing", "prompt")
        ids = model.ids_of(body["prompt"] if "prompt" in body else api.render(body))
        fault = self.state.fault
        ids = ids[1:] if fault.is_on("tokens-lost") and "messages" in body else ids
        self.answer(200, {"tokens": ids, "count": len(ids) + fault.is_on("tokens-count")})

    def detokenize(self, body) -> None:
        try:
            text = model.text_of(body["tokens"])
            text = text.replace(text[-1:], "") if self.state.fault.is_on("tokens-lossy") else text
            self.answer(200, {"prompt": text})
        except (IndexError, TypeError):
            if self.state.fault.is_on("tokens-lenient"):
                return self.answer(200, {"prompt": ""})
            raise api.Refused(400, "these are no ids of this model") from None

    def respond(self, body) -> None:
        response = api.Response(body)
        if not body.get("stream"):
            return self.answer(200, response.answer())
        self.begin_stream()
        for event in response.events():
            self.piece(self.state.fault.event(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()))
        self.wfile.write(b"0\r\n\r\n")

    # the engine's part

    def run(self, kind, body) -> None:
        body = self.state.fault.lenient(body)
        job = kind(body)
        ignored = {"X-Zhinao-Ignored": ", ".join(sorted(body.keys() - api.KNOWN))}
        with self.slot():
            if body.get("stream"):
                return self.stream(job)
            self.spend(job)
            answer = self.state.fault.answer(job.answer(), job)
        self.answer(200, answer, ignored)

    @contextmanager
    def slot(self):
        state = self.state
        if state.num_waiting >= MAX_WAITING:
            state.is_broken = state.fault.is_on("breaks")
            refused = api.Refused(429, "too many requests wait already")
            refused.headers = {"Retry-After": "2"}
            raise refused
        with state.lock:
            state.num_waiting += 1
        try:
            while not state.slots.acquire(timeout=0.02):
                self.look()
        finally:
            with state.lock:
                state.num_waiting -= 1
        with state.lock:
            state.num_running += 1
        try:
            yield
        finally:
            with state.lock:
                state.num_running -= 1
            state.slots.release()

    def look(self) -> None:
        """Raise ClientLeft where nobody listens any more."""
        if self.state.fault.is_on("keeps-running"):
            return
        if select.select([self.connection], [], [], 0)[0]:
            with suppress(BlockingIOError):
                if not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    raise ClientLeft

    def one_token(self) -> None:
        self.look()
        time.sleep(self.state.seconds_per_token)
        with self.state.lock:
            self.state.num_made += 1

    def spend(self, job) -> None:
        for _ in range(job.usage["completion_tokens"]):
            self.one_token()

    def stream(self, job) -> None:
        self.begin_stream()
        self.state.known_ids.add(job.head["id"])
        for data in self.state.fault.stream(job.chunks()):
            if b'"reasoning"' in data and job.head["id"] in self.state.closed_ids:
                continue
            self.one_token()
            try:
                self.piece(data)
            except (BrokenPipeError, ConnectionResetError):
                if not self.state.fault.is_on("keeps-running"):
                    raise
        self.wfile.write(b"0\r\n\r\n")


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 700

    def handle_error(self, *_) -> None:
        """Clients that leave are no news."""


@contextmanager
def serve(fault: Fault | None = None, key: str | None = None, seconds_per_token: float = 0.0004):
    """The URL of a fake server that lives as long as the block."""
    state = State(fault or Fault(""), key, seconds_per_token)
    server = QuietServer(("127.0.0.1", 0), type("OneHandler", (Handler,), {"state": state}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
