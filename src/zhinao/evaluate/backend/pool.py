"""Several requests under way at once, by threads: results as they come, and an end at once where nobody wants the rest."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from zhinao.errors import ZhinaoError

_SECONDS = 10  # that an end waits for what is under way; a server's answer may be an hour off


def each(work: Callable, asks: Sequence, num_at_once: int) -> Iterator[tuple[int, object]]:
    """`work(ask, is_over)` for each, `(index, result)` in the order of their ends. A ZhinaoError is a result, anything else is raised.

    `is_over()`: whether the iterator was closed, so that long work can stop.
    """
    todo, done, over = queue.SimpleQueue(), queue.SimpleQueue(), threading.Event()
    for pair in enumerate(asks):
        todo.put(pair)

    def run() -> None:
        with contextlib.suppress(queue.Empty):
            while not over.is_set():
                index, ask = todo.get_nowait()
                done.put((index, *_tried(work, ask, over.is_set)))

    threads = [
        threading.Thread(target=run, name="zhinao-eval", daemon=True) for _ in range(min(num_at_once, len(asks)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in asks:
            index, result, error = done.get()
            if error is not None:
                raise error
            yield index, result
    finally:
        over.set()
        until = time.monotonic() + _SECONDS
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))


def _tried(work: Callable, ask, is_over: Callable[[], bool]) -> tuple[object, BaseException | None]:
    try:
        return work(ask, is_over), None
    except ZhinaoError as error:
        return error, None
    except BaseException as error:  # raised in the thread that reads
        return None, error
