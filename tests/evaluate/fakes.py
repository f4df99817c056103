"""A backend that answers by a rule, a server of an OpenAI-compatible API that does as it is told, and small tasks."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from zhinao.evaluate.backend.base import Backend, Output
from zhinao.evaluate.task import GENERATION, PPL, Item, Task
from zhinao.score.grade import Grade


class FakeBackend(Backend):
    """`answer(ask)` gives an Output, a text or an error; `likelihood(text)` numbers or an error. Counts what it is asked."""

    def __init__(self, answer=lambda ask: "yes", likelihood=lambda text: (-1.0,) * len(text.text), name="fake"):
        self.name, self.identity = name, {"model": name, "engine": "fake", "precision": None}
        self._answer, self._likelihood = answer, likelihood
        self.asks, self.texts = [], []

    def loglikelihoods(self, texts):
        for index, text in enumerate(texts):
            self.texts.append(text)
            found = self._likelihood(text)
            if isinstance(found, KeyboardInterrupt):
                raise found
            yield index, found

    def generate(self, asks):
        for index, ask in enumerate(asks):
            self.asks.append(ask)
            found = self._answer(ask)
            if isinstance(found, BaseException) and not isinstance(found, Exception):
                raise found
            yield index, Output(found, len(found), "stop") if isinstance(found, str) else found


def task(items, mode=GENERATION, **fields) -> Task:
    fields = {"grade": lambda item, output: Grade(float(output == item.gold), output or None), **fields}
    return Task(
        name="small",
        title="small",
        language="en",
        protocol="by hand",
        mode=mode,
        folder="",
        items=lambda folder: iter(items),
        num_items=len(items),
        **fields,
    )


QUESTIONS = [Item(id=str(n), prompt=f"Question {n}?", gold="yes" if n % 2 else "no") for n in range(6)]
CHOICES = [Item(id=str(n), choices=(f"{n} a", f"{n} bcd"), gold=n % 2) for n in range(4)]
PPL_TASK = task(CHOICES, PPL)


@contextlib.contextmanager
def server(answer):
    """`answer(path, body)` gives `(status, JSON or bytes)`. Yields its address and the list of what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body, dict(self.headers)))
            self._send(*answer(self.path, body))

        def do_GET(self):
            self._send(200, {"data": [{"id": "served"}]})

        def _send(self, status, content):
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", asked
    finally:
        running.shutdown()
        running.server_close()


def said(text: str, **choice) -> dict:
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}],
        "usage": {"completion_tokens": 3},
    }
