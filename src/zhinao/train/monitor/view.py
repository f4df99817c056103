"""Where the status line is shown: redrawn in place on a terminal, a plain line now and then elsewhere. Knows no trainer."""

import itertools
import logging
import sys
import time
from collections.abc import Sequence

from zhinao.lang import tr
from zhinao.train.monitor import words

LINE_SECONDS = 10.0  # between plain lines
SPARK_CELLS = 60
GAP = "  "
_BARS = "▁▂▃▄▅▆▇█"


def opened() -> "Terminal | Lines":
    """The view that fits stderr."""
    return Terminal() if sys.stderr.isatty() else Lines()


class Lines:
    """For logs and CI: the first numbers, then a line every ten seconds, then the last ones. So also what keeps a step waiting."""

    def __init__(self):
        self._last, self._waited, self._shown = None, None, ""

    def show(
        self, parts: list[str], losses: list[float], is_logged: bool, is_last: bool, is_waiting: bool = False
    ) -> None:
        now, line = time.monotonic(), GAP.join(parts)
        is_due = is_logged and _is_over(self._last, now)
        is_waiting = is_waiting and _is_over(self._last, now) and _is_over(self._waited, now)
        if (is_due or is_waiting or (is_last and losses)) and line != self._shown:
            self._shown = line
            self._last, self._waited = (self._last, now) if is_waiting else (now, self._waited)
            self.print_line(line)

    def print_line(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


def _is_over(before: float | None, now: float) -> bool:
    return before is None or now - before >= LINE_SECONDS


class Terminal:
    """Two rows at the bottom. What others print meanwhile goes above them, also through handlers of `logging`."""

    def __init__(self):
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False, markup=False)
        # No thread redraws it: nothing runs beside the training, and a fork of a data loader finds no lock held.
        self._made = ((0, 0), "")  # the curve, and of what
        self._live = Live(console=self._console, auto_refresh=False)
        real = (sys.stderr, getattr(sys.stderr, "stream", sys.stderr))  # also what `lasting.py` stands before
        self._live.start()
        self._handlers = [handler for handler in _handlers() if handler.stream in real]
        for handler in self._handlers:
            handler.setStream(sys.stderr)

    def show(
        self, parts: list[str], losses: list[float], is_logged: bool, is_last: bool, is_waiting: bool = False
    ) -> None:
        from rich.text import Text

        rows = Text(fitted(parts, self._console.width), no_wrap=True)
        if len(losses) > 1:
            rows.append("\n" + tr("loss ", "损失 "), style="dim")
            rows.append(self._curve(losses), style="cyan")
            rows.append(f" {words.number(losses[0])} → {words.number(losses[-1])}", style="dim")
        self._live.update(rows, refresh=True)

    def _curve(self, losses: list[float]) -> str:
        """Made anew only when there is a new loss: a long run has many."""
        key = (len(losses), self._console.width)
        if self._made[0] != key:
            self._made = (key, sparkline(losses, max(8, min(SPARK_CELLS, key[1] - 24))))
        return self._made[1]

    def print_line(self, sentence: str) -> None:
        self._console.print(sentence, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()
        for handler in self._handlers:
            handler.setStream(sys.stderr)


def fitted(parts: list[str], width: int) -> str:
    """The parts in a row; the last ones are left out where there is no room for them."""
    from rich.cells import cell_len

    while len(parts) > 1 and cell_len(GAP.join(parts)) > width:
        parts = parts[:-1]
    return GAP.join(parts)


def _handlers() -> list[logging.StreamHandler]:
    loggers = [logging.root, *logging.Logger.manager.loggerDict.values()]
    handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
    return [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` in order, from the lowest bar (their least) to the highest; more than `width` are averaged in groups."""
    cells = _averaged(values, width)
    if not cells:
        return ""
    low, high = min(cells), max(cells)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0
    return "".join(_BARS[round((value - low) * scale)] for value in cells)


def _averaged(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [n * len(values) // width for n in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
