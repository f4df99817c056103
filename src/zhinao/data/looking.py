"""Many items looked at, in processes side by side where there are many, in the order they came in."""

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from zhinao.data import facts
from zhinao.data.facts import Facts
from zhinao.data.how import How
from zhinao.data.sample import Fault, Sample
from zhinao.model.tokenizer import Tokenizer

CHUNK = 64
_NUM_ALONE = 1000  # so many are looked at before it pays to start processes
_NUM_WAITING = 4  # chunks a process, so that reading does not run ahead

_eyes: "Eyes | None" = None


class Eyes:
    """A tokenizer with what is asked of it. Made anew in each process from the model's folder."""

    def __init__(self, folder: Path, how: How, limit: int | None):
        self.folder, self.how, self.limit = folder, how, limit
        self.tokenizer = Tokenizer.load(folder)

    def look(self, item: Sample | Fault) -> Facts:
        return facts.look(item, self.tokenizer, self.how, self.limit)


def look_at(
    items: Iterable[Sample | Fault], eyes: Eyes, num_workers: int | None = None
) -> Iterator[tuple[Sample | Fault, Facts]]:
    """Each item with its facts. Reads only a little ahead, so that memory does not grow with the data."""
    items = iter(items)
    num_workers = num_workers or len(os.sched_getaffinity(0))
    for item in itertools.islice(items, _NUM_ALONE if num_workers > 1 else None):
        yield item, eyes.look(item)
    first = list(itertools.islice(items, CHUNK))
    if first:
        yield from _spread(itertools.chain(first, items), eyes, num_workers)


def _spread(items: Iterator, eyes: Eyes, num_workers: int) -> Iterator[tuple[Sample | Fault, Facts]]:
    arguments = (eyes.folder, eyes.how, eyes.limit)
    with ProcessPoolExecutor(num_workers, get_context("spawn"), _open_eyes, arguments) as pool:
        waiting: deque = deque()
        try:
            while chunk := list(itertools.islice(items, CHUNK)):
                waiting.append((chunk, pool.submit(_look, chunk)))
                if len(waiting) >= num_workers * _NUM_WAITING:
                    yield from _taken(waiting)
            while waiting:
                yield from _taken(waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _taken(waiting: deque) -> Iterator[tuple[Sample | Fault, Facts]]:
    chunk, future = waiting.popleft()
    return zip(chunk, future.result(), strict=True)


def _open_eyes(folder: Path, how: How, limit: int | None) -> None:
    global _eyes
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _eyes = Eyes(folder, how, limit)


def _look(items: list[Sample | Fault]) -> list[Facts]:
    return [_eyes.look(item) for item in items]
