"""The keyboard while a reply runs: Ctrl-C steers it, other keys wait for the next input line without being echoed."""

import contextlib
import signal
import sys
import termios
import threading
from collections.abc import Iterator

from zhinao.api.stream import ReplyStream

_MARKS_PASTES, _PLAIN_PASTES = "\x1b[?2004h", "\x1b[?2004l"


@contextlib.contextmanager
def steering(stream: ReplyStream) -> Iterator[None]:
    """Ctrl-C closes a thought so that the answer follows, a second one stops; while it answers, it stops and keeps the part.

    The engine is told from a thread: the main one may hold the lock that this needs.
    """

    def work():
        if not stream.answer_now():
            stream.cancel()

    previous = signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=work, daemon=True).start())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Keys pressed meanwhile are kept for the next line and do not scramble what is drawn.

    Ctrl-C must not empty the queue (NOFLSH), and what is pasted stays one text, whatever line ends are in it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    quiet[3] |= termios.NOFLSH
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    _write(_MARKS_PASTES)
    try:
        yield
    finally:
        _write(_PLAIN_PASTES)
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _write(codes: str) -> None:
    sys.stdout.write(codes)
    sys.stdout.flush()
