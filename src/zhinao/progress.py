"""What a download or a rewriting tells meanwhile: a bar on a terminal, a line at the start and end elsewhere.

A reporter is any `callable(label, num_done, num_total)` in bytes; the same label again moves the same bar.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from zhinao.files import human_size
from zhinao.lang import tr

Reporter = Callable[[str, int, int], None]


def quiet(label: str, num_done: int, num_total: int) -> None:
    """A reporter that says nothing."""


@contextlib.contextmanager
def shown(reporter: Reporter | None) -> Iterator[Reporter]:
    """`reporter` itself, or where it is None one that writes to stderr in the way that fits it."""
    if reporter is not None:
        yield reporter
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        yield _Lines()


class Counter:
    """Adds up gained bytes under one label. `add` may be given negative numbers."""

    def __init__(self, report: Reporter, label: str, num_total: int):
        self._report, self._label, self._total, self._done = report, label, num_total, 0

    def add(self, num_bytes: int) -> None:
        self._done += num_bytes
        self._report(self._label, self._done, max(self._total, self._done))


@contextlib.contextmanager
def _bars() -> Iterator[Reporter]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def report(label: str, num_done: int, num_total: int) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label, total=num_total)
            progress.update(tasks[label], completed=num_done, total=num_total)

        yield report


class _Lines:
    """For logs: when a label begins, now and then how far it is, and when it is done."""

    SECONDS = 15

    def __init__(self):
        self._last: dict[str, float] = {}

    def __call__(self, label: str, num_done: int, num_total: int) -> None:
        now, last = time.monotonic(), self._last.get(label)
        if last == float("inf") or (last is not None and num_done < num_total and now - last < self.SECONDS):
            return
        is_done = num_done >= num_total
        self._last[label] = float("inf") if is_done else now
        far = tr("done", "完成") if is_done else f"{human_size(num_done)} / {human_size(num_total)}"
        print(f"{label}: {far}", file=sys.stderr, flush=True)
