"""A backend that counts what it is asked, and an OpenAI-compatible server on 127.0.0.1 that can misbehave."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from zhinao.evaluate.backend.base import Backend, Output
from zhinao.evaluate.task import Item, Task
from zhinao.score.grade import Grade


class Counting(Backend):
    """`logprobs(text)` and `answer(ask)` give what comes back; a ZhinaoError is yielded, any other exception raised."""

    name, identity = "fake", {"model": "fake", "engine": "none", "precision": "f32"}

    def __init__(self, logprobs: Callable = lambda text: (-1.0,), answer: Callable = lambda ask: "x"):
        self._logprobs, self._answer = logprobs, answer
        self.asked: list = []

    def loglikelihoods(self, texts):
        for index, text in enumerate(texts):
            self.asked.append(text)
            yield index, self._logprobs(text)

    def generate(self, asks):
        for index, ask in enumerate(asks):
            self.asked.append(ask)
            found = self._answer(ask)
            if isinstance(found, KeyboardInterrupt):
                raise found
            yield index, Output(found, 3, "stop") if isinstance(found, str) else found


def task(mode: str, items: list[Item], **more) -> Task:
    more = {"grade": lambda item, output: Grade(float(output == item.gold), output), **more}
    return Task(
        name="fake",
        title="Fake",
        language="en",
        protocol="none",
        mode=mode,
        folder="",
        items=lambda folder: iter(items),
        num_items=len(items),
        **more,
    )


class FakeServer:
    """`answer(path, body, number)` gives (status, JSON or bytes); None: the line is cut."""

    def __init__(self, answer: Callable):
        self.requests: list[tuple[str, dict]] = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self._reply(json.dumps({"data": [{"id": "served"}]}).encode(), 200)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append((self.path, body))
                found = answer(self.path, body, number)
                if found is not None:
                    status, data = found
                    self._reply(data if isinstance(data, bytes) else json.dumps(data).encode(), status)

            def _reply(self, data: bytes, status: int):
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def chat(text: str, finish: str = "stop") -> tuple[int, dict]:
    return 200, {
        "choices": [{"message": {"content": text}, "text": text, "finish_reason": finish}],
        "usage": {"completion_tokens": 3},
    }
