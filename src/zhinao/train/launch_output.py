"""Output of a process: shown here and kept in its log. Where we write to a terminal, so does the process (a pseudo-terminal)."""

import os
import struct
import threading
from pathlib import Path
from typing import BinaryIO, TextIO

_NUM_TAIL = 20
_TAIL_BYTES = 2**16


class Channel:
    """One stream of a process, copied to `screen` and to the open `log`."""

    def __init__(self, screen: TextIO, log: BinaryIO):
        self._screen, self._log = screen, log
        self._is_terminal = screen.isatty()
        self._outlet, self.inlet = _terminal() if self._is_terminal else os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._size = b""
        self.fit()

    def start(self) -> None:
        """Begin to copy, once the process has been started: only it must hold the inlet."""
        os.close(self.inlet)
        self._thread.start()

    def fit(self) -> None:
        """Give the pseudo-terminal the size of ours."""
        if not self._is_terminal or self._outlet is None:
            return
        import fcntl
        import termios

        size = fcntl.ioctl(self._screen.fileno(), termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        if size != self._size:
            self._size = size
            fcntl.ioctl(self._outlet, termios.TIOCSWINSZ, size)

    def _copy(self) -> None:
        while data := self._read():
            self._log.write(data)
            try:
                self._screen.buffer.write(data)
                self._screen.flush()
            except (OSError, ValueError):  # nobody looks any more; the log goes on
                continue

    def _read(self) -> bytes:
        try:
            return os.read(self._outlet, 2**16)
        except OSError:  # a pseudo-terminal ends so
            return b""

    def close(self) -> None:
        """Wait for the last output of a process that has ended, but not for a grandchild that kept the stream."""
        self._thread.join(timeout=1)
        if self._outlet is not None and not self._thread.is_alive():
            os.close(self._outlet)
            self._outlet = None


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
