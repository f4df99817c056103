"""Reading for a command: a bar on a terminal, by bytes; what the files were, what was left out, and when that is too much."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from zhinao.data.read.read import Found, read
from zhinao.data.read.sources import expand, say_skipped
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.lang import tr

NUM_SHOWN = 20  # faults


@contextlib.contextmanager
def reading(
    sources: Sequence[str], *, format: str | None = None
) -> Iterator[tuple[Iterator[Sample | Fault], list[Found]]]:
    """What `read` gives, and the list that fills with the files' Found. Names files in folders that were not read."""
    meant, found = expand(sources), []
    say_skipped(meant.skipped)
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


class Faults:
    """What could not be taken over: the first ones are shown as they come, all are counted."""

    def __init__(self):
        self.num = 0

    def add(self, fault: Fault) -> None:
        self.num += 1
        if self.num <= NUM_SHOWN:
            say(str(fault))

    def taken_out(self, items: Iterable[Sample | Fault]) -> Iterator[Sample]:
        for item in items:
            if isinstance(item, Fault):
                self.add(item)
            else:
                yield item

    def finish(self, may_skip: bool) -> None:
        """Raises DataError where there was any that may not be left out."""
        if self.num > NUM_SHOWN:
            say(tr(f"… and {self.num - NUM_SHOWN:,} more", f"……另有 {self.num - NUM_SHOWN:,} 条"))
        if self.num and not may_skip:
            raise DataError(
                tr(f"{self.num:,} could not be taken over.", f"有 {self.num:,} 条无法处理。"),
                tr(
                    "no file was written; repair them, or leave them out with --skip-faults",
                    "未写入文件；请修复，或用 --skip-faults 略过",
                ),
            )


def say_found(found: list[Found], faults: Faults) -> None:
    """What the files were found to be, and what was left behind of them."""
    for file in found:
        say(f"{file} ({file.num_samples:,})")
        if file.not_kept:
            say(file.not_kept)
    if faults.num:
        say(tr(f"{faults.num:,} left out", f"略过 {faults.num:,} 条"))


def say(line: str) -> None:
    print(line, file=sys.stderr)
