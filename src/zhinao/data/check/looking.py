"""Many items looked at, in processes side by side where there are many, in the order they came in."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from zhinao.data.check import look as facts
from zhinao.data.check.look import Facts
from zhinao.data.encode.choices import How
from zhinao.data.encode.overlong import Limit
from zhinao.data.sample import Fault, Sample
from zhinao.data.store import workers
from zhinao.model.tokenizer import Tokenizer

_BATCH = 64
_NUM_ALONE = 1000  # so many are looked at before it pays to start processes

_eyes: "Eyes | None" = None


class Eyes:
    """A tokenizer with what is asked of it. Made anew in each process from the model's folder."""

    def __init__(self, folder: Path, how: How, limit: Limit | None):
        self.folder, self.how, self.limit = folder, how, limit
        self.tokenizer = Tokenizer.load(folder)

    def look(self, item: Sample | Fault) -> Facts:
        return facts.look(item, self.tokenizer, self.how, self.limit)


def look_at(
    items: Iterable[Sample | Fault], eyes: Eyes, num_workers: int | None = None
) -> Iterator[tuple[Sample | Fault, Facts]]:
    """Each item with its facts. Reads only a little ahead, so that memory does not grow with the data."""
    items = iter(items)
    num_workers = num_workers or workers.num_available()
    for item in itertools.islice(items, _NUM_ALONE if num_workers > 1 else None):
        yield item, eyes.look(item)
    if (first := next(items, None)) is not None:
        yield from _spread(itertools.chain([first], items), eyes, num_workers)


def _spread(items: Iterator, eyes: Eyes, num_workers: int) -> Iterator[tuple[Sample | Fault, Facts]]:
    sent: deque = deque()  # batches that are on their way; their items are wanted again beside the facts

    def batches() -> Iterator[list]:
        while batch := list(itertools.islice(items, _BATCH)):
            sent.append(batch)
            yield batch

    arguments = (eyes.folder, eyes.how, eyes.limit)
    for looked in workers.in_order(_look, batches(), num_workers, _open_eyes, arguments):
        yield from zip(sent.popleft(), looked, strict=True)


def _open_eyes(folder: Path, how: How, limit: Limit | None) -> None:
    global _eyes
    _eyes = Eyes(folder, how, limit)


def _look(items: list[Sample | Fault]) -> list[Facts]:
    return [_eyes.look(item) for item in items]
