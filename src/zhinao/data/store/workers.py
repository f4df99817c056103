"""The same work on many batches, in processes side by side, with the results in the order of the batches.

The processes are started fresh (no forked locks, no torch unless the work imports it) and must all end before a trainer sets up
its process group. What the work is, is the caller's business.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import TypeVar

from zhinao import lang
from zhinao.errors import ZhinaoError
from zhinao.lang import tr

B, R = TypeVar("B"), TypeVar("R")

_NUM_AHEAD = 3  # batches a process: enough that none waits, few enough that memory does not grow with the data


class WorkerError(ZhinaoError):
    """A worker process that was killed."""

    exit_code = 8


def num_available() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def in_order(
    work: Callable[[B], R], batches: Iterable[B], num_workers: int, start: Callable, arguments: tuple
) -> Iterator[R]:
    """`work(batch)` for each batch. `start(*arguments)` is called once in each process before its first batch.

    With one worker or fewer all of it happens in this process. Raises what `work` raises; WorkerError where a process died.
    """
    if num_workers <= 1:
        start(*arguments)
        yield from map(work, batches)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(num_workers, context, _begin, (lang.current(), start, arguments))
    waiting: deque = deque()
    try:
        for batch in batches:
            with _uninterrupted():
                waiting.append(pool.submit(work, batch))
            if len(waiting) >= num_workers * _NUM_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise WorkerError(
            tr("A process that encodes data was killed.", "一个编码数据的进程被终止了。"),
            tr(
                "if memory ran out: fewer --preprocessing_num_workers",
                "如果是内存不足：减小 --preprocessing_num_workers",
            ),
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Inside, this thread gets no Ctrl-C, and a process that it starts never does: before `_begin` that one would die of it, and show
    how. One that comes meanwhile is not lost."""
    resource_tracker.ensure_running()  # else started inside, and it lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(language: str, start: Callable, arguments: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread a process
    lang.choose(language)
    start(*arguments)


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
