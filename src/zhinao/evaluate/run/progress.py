"""How far a task is: a bar with the time left on a terminal, a line now and then elsewhere. Counts items."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from zhinao.lang import tr

_SECONDS = 20


@contextlib.contextmanager
def shown(label: str, num_all: int, num_before: int = 0) -> Iterator[Callable[[int], None]]:
    """Gives `done(num)`, to be called after each item or several; the first line says what was there before."""
    if sys.stderr.isatty():
        with _bar(label, num_all, num_before) as done:
            yield done
    else:
        yield _lines(label, num_all, num_before)


@contextlib.contextmanager
def _bar(label: str, num_all: int, num_before: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(label, total=num_all, completed=num_before)
        yield lambda num=1: progress.advance(bar, num)


def _lines(label: str, num_all: int, num_before: int) -> Callable[[int], None]:
    began = last = time.monotonic()
    num_done = num_before
    if num_before:
        there = tr(f"{num_before} of {num_all} are there already", f"已有 {num_before}/{num_all}")
        print(f"{label}: {there}", file=sys.stderr, flush=True)

    def done(num: int = 1) -> None:
        nonlocal num_done, last
        num_done += num
        now = time.monotonic()
        if num_done >= num_all or now - last >= _SECONDS:
            last = now
            rate = max(num_done - num_before, 1) / max(now - began, 1e-3)
            left = (num_all - num_done) / rate
            print(
                f"{label}: {num_done}/{num_all}"
                + tr(f", {rate:.2g} a second", f"，每秒 {rate:.2g} 题")
                + (tr(f", {left:.0f} s left", f"，还需 {left:.0f} 秒") if left else ""),
                file=sys.stderr,
                flush=True,
            )

    return done
