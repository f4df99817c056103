"""A terminal for tests: what a person at 80 x 24 would see, and keys to press."""

import json
import os
import sys
import time
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).parents[2]
CTRL_C, CTRL_D, TAB, ENTER, ALT_ENTER, BACKSPACE, UP = "\x03", "\x04", "\t", "\r", "\x1b\r", "\x7f", "\x1b[A"


class Screen:
    """The command `words` in a pseudo terminal. `until` waits for a text to stand on the screen."""

    def __init__(self, words: list[str], home: Path, columns: int = 80, rows: int = 24, **environment):
        self.screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            words[0],
            words[1:],
            dimensions=(rows, columns),
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "ZHINAO_HOME": str(home), **environment},
        )

    def read(self, seconds: float = 0.05) -> None:
        try:
            new = self.child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += new
        self._stream.feed(new)
        if b"\x1b[6n" in new:  # asked where the cursor is
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")

    @property
    def lines(self) -> list[str]:
        """Everything that was printed, from what scrolled away to the bottom; empty lines left out."""
        above = ["".join(row[x].data for x in range(self.screen.columns)) for row in self.screen.history.top]
        return [line.rstrip() for line in [*above, *self.screen.display] if line.strip()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, *texts: str, seconds: float = 15) -> "Screen":
        """Wait until all of `texts` are to be seen."""
        end = time.monotonic() + seconds
        while any(text not in self.text for text in texts):
            assert time.monotonic() < end, f"{texts} not on the screen:\n{self.text}"
            self.read()
        return self

    def until_gone(self, text: str, seconds: float = 15) -> "Screen":
        end = time.monotonic() + seconds
        while text in self.text:
            assert time.monotonic() < end, f"{text} still on the screen:\n{self.text}"
            self.read()
        return self

    def settle(self, seconds: float = 0.4) -> "Screen":
        """Let what is under way appear."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()
        return self

    def press(self, *keys: str) -> "Screen":
        for key in keys:
            self.child.send(key.encode())
            self.settle(0.08)
        return self

    def end(self) -> int:
        """Wait for the program to leave; its exit code."""
        deadline = time.monotonic() + 15
        while self.child.isalive() and time.monotonic() < deadline:
            self.read()
        self.settle(0.1)
        self.child.close()
        return self.child.exitstatus

    def close(self) -> None:
        self.child.close(force=True)


def terminal(home: Path, says, **settings) -> Screen:
    """The chat on a fake model that says `says`."""
    size = {name: settings.pop(name) for name in ("columns", "rows") if name in settings}
    words = [sys.executable, "-m", "tests.chat.run_terminal", json.dumps({"says": says, **settings})]
    return Screen(words, home, **size).until("›", "100,000" if "num_context_tokens" not in settings else "left")
