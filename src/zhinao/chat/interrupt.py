"""Ctrl-C while a reply runs: a thought is closed so that the answer follows, an answer is stopped and kept."""

import contextlib
import signal
import threading
from collections.abc import Iterator

from zhinao.api.stream import ReplyStream


@contextlib.contextmanager
def steering(stream: ReplyStream) -> Iterator[None]:
    """Take SIGINT for the reply. The engine is told from a thread: the main one may hold the lock it needs.

    A second Ctrl-C during the same thought stops the reply.
    """

    def work():
        if not stream.answer_now():
            stream.cancel()

    previous = signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=work, daemon=True).start())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
