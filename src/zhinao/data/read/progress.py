"""Reading with a bar on a terminal, by bytes; elsewhere in silence."""

import contextlib
import sys
from collections.abc import Iterator, Sequence

from zhinao.data.read.read import Found, read
from zhinao.data.read.sources import expand
from zhinao.data.sample import Fault, Sample
from zhinao.lang import tr


@contextlib.contextmanager
def reading(
    sources: Sequence[str], *, format: str | None = None
) -> Iterator[tuple[Iterator[Sample | Fault], list[Found]]]:
    """What `read` gives, and the list that fills with the files' Found. Names files in folders that were not read."""
    meant, found = expand(sources), []
    for name in meant.skipped:
        print(tr(f"not read, no data by its name: {name}", f"未读取（后缀不是数据文件）：{name}"), file=sys.stderr)
    with (
        _bar(meant.num_bytes) as advance,
        contextlib.closing(read(sources, format=format, on_file=found.append, on_bytes=advance)) as items,
    ):
        yield items, found


@contextlib.contextmanager
def _bar(num_bytes: int):
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(tr("reading", "读取"), total=num_bytes or None)
        yield lambda num: bar.advance(task, num)
