"""Output of the first process of a machine: kept in its log like the others', and shown here too.

Where we are on a terminal it gets one as well (a pseudo-terminal, copied to screen and log). Elsewhere it writes to its log and we
read along: it can then write, and save, even when the launcher has been killed.
"""

import contextlib
import os
import struct
import sys
import threading
from pathlib import Path

from zhinao.errors import DiskError

_NUM_TAIL = 20
_TAIL_BYTES = 2**16
_PAUSE = 0.1  # seconds between looks into a log that does not grow


class Output:
    """`inlet`: the file descriptor that the process writes to. `start` after the process has been started."""

    def __init__(self, log: Path):
        self._file = log.open("wb", buffering=0)
        self._is_over = threading.Event()
        self._outlet, self._size = None, b""
        if sys.stdout.isatty() and sys.stderr.isatty():
            self._outlet, self.inlet = _terminal()
            self.fit()
        else:
            self.inlet = self._file.fileno()
        self._thread = threading.Thread(target=self._copy if self._outlet else self._follow, args=(log,), daemon=True)

    def start(self) -> None:
        if self._outlet:
            os.close(self.inlet)  # only the process must hold it: its end is the end of the output
        self._thread.start()

    def fit(self) -> None:
        """Give the pseudo-terminal the size of ours."""
        if self._outlet is None:
            return
        import fcntl
        import termios

        try:
            size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
            if size != self._size:
                self._size = size
                fcntl.ioctl(self._outlet, termios.TIOCSWINSZ, size)
        except OSError:  # the terminal is gone; the run is not
            return

    def close(self) -> None:
        """Show the last of a process that has ended; do not wait for a grandchild that kept the terminal."""
        self._is_over.set()
        if self._thread.ident:
            self._thread.join(timeout=1)

    def _copy(self, log: Path) -> None:
        while data := self._read():
            with contextlib.suppress(
                OSError
            ):  # a full disk: else nobody would read on, and the process would wait for ever
                self._file.write(data)
            _show(data)

    def _read(self) -> bytes:
        try:
            return os.read(self._outlet, 2**16) if self._outlet is not None else b""
        except OSError:  # a pseudo-terminal ends so
            return b""

    def _follow(self, log: Path) -> None:
        with log.open("rb") as file:
            while True:
                is_over = self._is_over.is_set()
                if data := file.read(2**16):
                    _show(data)
                elif is_over:
                    return
                else:
                    self._is_over.wait(_PAUSE)


def _show(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except (OSError, ValueError, DiskError):  # nobody looks any more; the log goes on
        return


def _terminal() -> tuple[int, int]:
    """(our end, the process's end) of a pseudo-terminal that passes bytes as they are."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST  # the real terminal makes line ends
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    return ours, theirs


def tail(log: Path, num_lines: int = _NUM_TAIL) -> list[str]:
    """The last lines of a log; of a line that was drawn again and again, what it showed last."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line.strip()][-num_lines:]
