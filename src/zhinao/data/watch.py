"""How far reading has come: a bar on the terminal, by bytes of the files. Nothing where stderr is no terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

from zhinao.data.read import Found, read
from zhinao.data.sample import Fault, Sample
from zhinao.data.sources import expand


@contextlib.contextmanager
def watched(sources: Sequence[str], label: str, found: list[Found] | None = None) -> Iterator[Iterator[Sample | Fault]]:
    """The items of the sources. `found` gets what each file was found to be."""
    on_file = found.append if found is not None else None
    if not sys.stderr.isatty():
        yield read(sources, on_file=on_file)
        return
    with _bar(label, expand(sources).num_bytes) as advance:
        yield read(sources, on_file=on_file, on_bytes=advance)


@contextlib.contextmanager
def _bar(label: str, num_bytes: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=num_bytes or None)
        yield lambda number: progress.update(task, advance=number)
