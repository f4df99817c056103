"""The engine's process is watched: it dies, it is replaced, it never outlives its parent, Ctrl-C does not reach it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

from tests.tiny import make_checkpoint
from zhinao import engine as engines
from zhinao.engine.base import Sampling
from zhinao.engine.openvino import build
from zhinao.errors import EngineError

ENDLESS = Sampling(temperature=0)
SHORT = Sampling(temperature=0, max_tokens=3)


@pytest.fixture(scope="module")
def folder(home, tmp_path_factory):
    """Wide and long enough that a request is still running when a test looks."""
    return make_checkpoint(
        tmp_path_factory.mktemp("models") / "tiny", head_dim=16, num_hidden_layers=6, max_position_embeddings=8192
    )


@pytest.fixture
def engine(folder):
    with engines.open(folder, engine="openvino") as engine:
        engine.wait_until_ready()
        yield engine


def num_ids(generation) -> int:
    return sum(len(chunk.ids) for chunk in generation)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_killed_process_fails_what_ran_and_waited_and_is_replaced(engine):
    running, waiting = engine.generate([1, 2, 3], ENDLESS), engine.generate([4] * 4000, ENDLESS)
    chunks = iter(running)
    next(chunks)
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineError, match="signal 9"):
        list(chunks)
    with pytest.raises(EngineError, match="ended"):
        list(waiting)
    wait_for(lambda: engine.pid != first)
    assert num_ids(engine.generate([1, 2, 3], SHORT)) == 3
    assert len(engine.score([1, 2, 3])) == 2


def test_a_failure_inside_is_an_error_with_its_reason_and_the_engine_goes_on(engine):
    first = engine.pid
    running = engine.generate([1, 2, 3], ENDLESS)
    next(iter(running))
    # What no caller can ask for; a step that throws takes the same way out.
    engine._worker._outbox.put({"do": "generate", "id": 0, "ids": [1], "config": {"stop_ids": [], "nonsense": 1}})
    with pytest.raises(EngineError, match=r"engine process ended: AttributeError.*nonsense"):
        list(running)
    wait_for(lambda: engine.pid != first)
    assert num_ids(engine.generate([1, 2, 3], SHORT)) == 3


def test_a_process_that_cannot_load_says_why_and_is_not_started_for_ever(home, tmp_path):
    folder = make_checkpoint(tmp_path / "tiny")
    with engines.open(folder, engine="openvino") as engine:
        engine.wait_until_ready()
        xml = home / "compiled" / build._name(build.Checkpoint(folder), "int8") / build.XML
        xml.write_text("<net>")
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"xml|XML|model"):
            for _ in range(20):  # the request may still meet the dying process
                try:
                    num_ids(engine.generate([1], SHORT))
                except EngineError as error:
                    if "signal 9" not in str(error):
                        raise
        time.sleep(0.3)
        assert not [
            p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE and p.pid == engine.pid
        ]


def test_close_ends_the_process_and_what_runs(folder):
    engine = engines.open(folder, engine="openvino")
    running = engine.generate([1, 2, 3], ENDLESS)
    pid = engine.pid
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        list(running)
    with pytest.raises(EngineError, match="closed"):
        engine.generate([1], SHORT)
    with pytest.raises(EngineError, match="closed"):
        engine.score([1, 2])
    assert not psutil.pid_exists(pid)


def test_requests_before_it_is_ready_are_answered(folder):
    with engines.open(folder, engine="openvino") as engine:
        assert num_ids(engine.generate([1, 2, 3], SHORT)) == 3
        assert 0 < engine.wait_until_ready() < 60


def test_a_dropped_request_is_cancelled(engine):
    generation = engine.generate([1, 2, 3], ENDLESS)
    next(iter(generation))
    assert engine._worker._queues
    del generation
    wait_for(lambda: not engine._worker._queues)


def test_requests_of_many_threads(engine):
    done = []

    def ask(n):
        done.append((n, num_ids(engine.generate([n] * (n + 1), Sampling(max_tokens=n + 1)))))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [(n, n + 1) for n in range(24)]


PARENT = """
import sys, time
from pathlib import Path
from zhinao import engine
from zhinao.engine.base import Sampling

engine = engine.open(Path(sys.argv[1]), engine="openvino")
chunks = iter(engine.generate([1, 2, 3], Sampling(temperature=0)))
next(chunks)
try:
    print(engine.pid, flush=True)
    for chunk in chunks:
        time.sleep(0.01)
except KeyboardInterrupt:
    print(sum(len(c.ids) for c in engine.generate([1], Sampling(max_tokens=3))), flush=True)
"""


@pytest.fixture
def parent(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(folder)], stdout=subprocess.PIPE, text=True, process_group=0
    )
    yield process
    process.kill()
    process.wait()


def test_ctrl_c_reaches_the_parent_alone(parent):
    worker = int(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: everything in the foreground group
    assert parent.stdout.readline() == "3\n", "the engine goes on after Ctrl-C"
    assert parent.wait(20) == 0
    wait_for(lambda: not psutil.pid_exists(worker))


def test_the_process_ends_with_a_killed_parent(parent):
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_for(lambda: not psutil.pid_exists(worker))
