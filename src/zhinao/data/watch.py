"""A line on the terminal that says how far reading has come. Nothing where stderr is no terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from zhinao.lang import tr

T = TypeVar("T")


@contextlib.contextmanager
def watched(items: Iterable[T], label: str) -> Iterator[Iterator[T]]:
    """The same items; meanwhile their number and pace are shown."""
    if not sys.stderr.isatty():
        yield iter(items)
        return
    with _bar(label) as advance:
        yield _told(items, advance)


def _told(items: Iterable[T], advance: Callable[[int], None]) -> Iterator[T]:
    for item in items:
        yield item
        advance(1)


@contextlib.contextmanager
def _bar(label: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    samples = tr("samples", "个样本")
    pace = TextColumn("{task.fields[pace]}")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} " + samples), pace)
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None, pace="")

        def advance(number: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=number, pace=tr(f"{speed:,.0f}/s", f"{speed:,.0f} 个/秒") if speed else "")

        yield advance
