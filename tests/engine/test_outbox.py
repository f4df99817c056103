import contextlib
import json
import os
import threading
import time

import pytest

from zhinao.engine.openvino.outbox import Outbox


@pytest.fixture
def pipe():
    read, write = os.pipe()
    reader, writer = os.fdopen(read, "rb"), os.fdopen(write, "wb")
    yield reader, writer
    for end in (writer, reader):
        with contextlib.suppress(OSError):
            end.close()


def test_who_sends_never_waits_for_the_reader(pipe):
    reader, writer = pipe
    outbox, started = Outbox(writer), time.monotonic()
    for n in range(64):
        outbox.put({"id": n, "ids": [7] * 7_000}, key=n)
    assert time.monotonic() - started < 1, "28 kB each, and the pipe holds 64"
    for n in range(4, 60):
        assert outbox.take_back(n)
    assert not outbox.take_back(99)
    outbox.put({"last": True})
    ids = []
    while "last" not in (message := json.loads(reader.readline())):
        ids.append(message["id"])
    outbox.close()
    assert ids == [*range(4), *range(60, 64)], "what was taken back was never sent, the rest came in order"


def test_it_ends_with_its_pipe(pipe):
    reader, writer = pipe
    outbox = Outbox(writer)
    reader.close()
    for n in range(3):
        outbox.put({"id": n}, key=n)
        time.sleep(0.02)
    outbox.close()
    outbox.close()
    outbox.put({}, key=5)
    assert not outbox.take_back(5)
    time.sleep(0.1)
    assert "zhinao-outbox" not in {thread.name for thread in threading.enumerate()}
