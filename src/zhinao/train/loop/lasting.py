"""Output that a run outlives: when the terminal has gone, the pipe is closed or the log's disk is full, the words are lost, not the run."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from zhinao.errors import DiskError


@contextlib.contextmanager
def lasting_output() -> Iterator[None]:
    """Inside, writing to stdout and stderr cannot fail; what fails once goes nowhere from then on."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lasting, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, DiskError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: TextIO | None) -> TextIO:
    return _Lasting(stream) if stream is not None else open(os.devnull, "w")


class _Lasting:
    """A text stream that turns to nothing instead of raising. Everything else is the stream's own."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def __getattr__(self, name: str):
        return getattr(self.stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.stream)

    def write(self, text: str) -> int:
        self._try(self.stream.write, text)
        return len(text)

    def writelines(self, lines) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def isatty(self) -> bool:
        try:
            return self.stream.isatty()
        except (OSError, ValueError):
            return False

    def _try(self, action, *given) -> None:
        try:
            action(*given)
        except (OSError, DiskError):  # the latter from the command's own streams (`outfile.py`)
            self._give_up()
        except ValueError:  # closed
            return

    def _give_up(self) -> None:
        """What is buffered must go somewhere too, else Python would fail at its own end; so must what others write there."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
        with contextlib.suppress(OSError, ValueError, DiskError):
            self.stream.flush()
