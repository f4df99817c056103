"""A real server on 127.0.0.1 for tests: the whole application on uvicorn in a thread, on any model."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from zhinao.serve.app import build
from zhinao.serve.gate.auth import Keys
from zhinao.serve.gate.connection import protocol
from zhinao.serve.run.service import Service
from zhinao.serve.settings import ServeSettings


@contextlib.contextmanager
def running(model, keys=(), names=("fake",), **settings) -> Iterator[httpx.Client]:
    """An HTTP client of a server that answers with `model`; `client.service` is its Service."""
    service = Service(ServeSettings(**settings), lambda: model, names)
    config = uvicorn.Config(build(service, Keys(keys)), port=0, http=protocol(), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    loops = []

    async def serve():
        loops.append(asyncio.get_running_loop())
        await service.start()
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        client.service, client.loop = service, loops[0]
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join(10)


def chat(client: httpx.Client, text: str = "hi", **fields) -> httpx.Response:
    return client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": text}], **fields})


def events(response: httpx.Response) -> list:
    """The data of every SSE event; `[DONE]` as text."""
    assert response.headers["content-type"].startswith("text/event-stream"), response.text
    parts = response.text.split("\n\n")
    assert parts[-1] == "" and all(part.startswith("data: ") for part in parts[:-1])
    return [json.loads(part[6:]) if part != "data: [DONE]" else "[DONE]" for part in parts[:-1]]


def deltas(response: httpx.Response, name: str, index: int = 0) -> str:
    """The joined text of one field of the deltas of one choice."""
    choices = [c for event in events(response)[:-1] for c in event["choices"] if c["index"] == index]
    return "".join(choice["delta"].get(name) or "" for choice in choices)


def wait_for(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
