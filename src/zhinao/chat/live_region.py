"""Lines at the bottom of the terminal that are drawn anew while they change.

Only what changed is written, in one piece, so nothing flickers; what is finished scrolls away for good. Knows no replies.
"""

import math
import time

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

FRAMES_PER_SECOND = 15
_REST = 8  # a frame that took t seconds is followed by a pause of at least 8 t: drawing must not slow the engine


class LiveRegion:
    """The last lines of the screen. `print` puts lines above it for good; `draw` changes it; `clear` takes it away."""

    def __init__(self, console: Console):
        self.console = console
        self._lines: list[str] = []
        self._width = console.width
        self._next_frame = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time for another frame."""
        return time.monotonic() >= self._next_frame

    def draw(self, renderable: RenderableType | None) -> None:
        """Show `renderable` in place of what was there; of what is higher than the screen, the end."""
        started = time.monotonic()
        lines = self._render(renderable)[-max(self.console.height - 2, 1) :] if renderable is not None else []
        self._write(self._replace(lines))
        cost = time.monotonic() - started
        self._next_frame = time.monotonic() + max(1 / FRAMES_PER_SECOND, _REST * cost)

    def print(self, renderable: RenderableType) -> None:
        """Put it above the region for good; the region is empty afterwards."""
        lines = self._render(renderable)
        self._write(self._replace(lines) + ("\n" if lines else ""))
        self._lines = []

    def clear(self) -> None:
        self._write(self._replace([]))

    def _render(self, renderable: RenderableType) -> list[str]:
        """Lines with colour codes, each short enough not to be wrapped by the terminal."""
        with self.console.capture() as captured:
            self.console.print(renderable, width=max(self.console.width - 1, 1), soft_wrap=False)
        return captured.get().rstrip("\n").split("\n")

    def _replace(self, lines: list[str]) -> str:
        """Codes that turn the region into `lines`. The cursor stands at the end of its last line before and after."""
        old, self._lines = self._lines, lines
        rows_up = self._rows(old) - 1
        is_resized, self._width = self.console.width != self._width, self.console.width
        out = ["\r", f"\x1b[{rows_up}A" if rows_up > 0 else ""]
        if not lines or is_resized:
            out.append("\x1b[J")
            old = []
        for n, line in enumerate(lines):
            is_last = n == len(lines) - 1
            if n >= len(old) or old[n] != line or is_last:
                out += ["\r\x1b[2K", line]
            out.append("" if is_last else "\n")
        if len(old) > len(lines) and lines:
            out.append("\x1b[J")
        return "".join(out)

    def _rows(self, lines: list[str]) -> int:
        """Rows that `lines` take on the screen: more than their number once the terminal has become narrower."""
        if self.console.width >= self._width:
            return len(lines)
        widths = (cell_len(Text.from_ansi(line).plain) for line in lines)
        return sum(max(1, math.ceil(width / self.console.width)) for width in widths)

    def _write(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()
