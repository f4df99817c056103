"""A real server in a process of its own, which is told to leave."""

import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from zhinao import machine

SERVER = """
import asyncio, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from zhinao.serve.gate import asgi, logs
from zhinao.serve.run.admission import Admission
from zhinao.serve.event_loop import DrainingServer
from zhinao.serve.errors import ApiError

admission = Admission(2, 2)

async def work(request):
    async with admission.slot():
        await asyncio.sleep(float(request.query_params["seconds"]))
        return PlainTextResponse("done")

async def refused(request, error):
    return PlainTextResponse(error.code, error.status, error.headers)

app = Starlette(routes=[Route("/work", work)], exception_handlers={ApiError: refused})
logs.configure()
config = uvicorn.Config(app, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
DrainingServer(config, admission, float(sys.argv[2])).run()
"""


@pytest.fixture
def start():
    started = []

    def starting(seconds: float):
        port = machine.free_port()
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port), str(seconds)], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        for _ in range(200):
            try:
                url = f"http://127.0.0.1:{port}/work?seconds="
                assert httpx.get(url + "0").text == "done"
                return process, url
            except httpx.ConnectError:
                time.sleep(0.05)
        raise AssertionError(process.communicate()[1])

    yield starting
    for process in started:
        process.kill()
        process.communicate()


def in_background(url: str) -> tuple[threading.Thread, list]:
    answers = []

    def ask():
        try:
            answers.append(httpx.get(url, timeout=20).text)
        except httpx.HTTPError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    return thread, answers


def test_running_requests_finish_and_new_ones_are_told(start):
    process, url = start(10)
    thread, answers = in_background(url + "1.5")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    refused = httpx.get(url + "0")
    assert refused.status_code == 503 and refused.text == "draining" and refused.headers["Retry-After"]
    thread.join()
    assert answers == ["done"]
    assert process.wait(5) == 0
    assert "1 requests still run" in process.stderr.read()


def test_the_time_is_limited(start):
    process, url = start(0.3)
    thread, _ = in_background(url + "60")
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(8) == 0
    assert 0.25 < time.monotonic() - began < 6
    thread.join()


def test_a_second_signal_ends_it(start):
    process, url = start(60)
    thread, _ = in_background(url + "60")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.wait(8)
    thread.join()


def test_an_idle_server_leaves_at_once(start):
    process, _ = start(60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
