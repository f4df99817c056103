"""How many requests run at once, and how many may wait. Fair between clients. Knows neither HTTP nor the engine."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncIterator

from zhinao.lang import tr
from zhinao.serve.errors import ApiError

DRAIN_RETRY_SECONDS = 10


class Admission:
    """Slots for running requests and a bounded queue. One event loop only.

    Free slots go to the clients in turn, and within a client to whoever came first. Where the queue is full, a client that
    has fewer waiting than another takes the place of that one's newest.
    """

    def __init__(self, max_running: int, max_queued: int):
        self.max_running, self.max_queued = max_running, max_queued
        self.num_running = self.num_waiting = 0
        self.is_closed = False
        self._queues: dict[str, deque[asyncio.Future]] = {}  # in the order of their turns; none is empty
        self._idle = asyncio.Event()
        self._idle.set()
        self._mean_seconds = 1.0

    @contextlib.asynccontextmanager
    async def slot(self, client: str = "") -> AsyncIterator[None]:
        """Hold a slot; waits for one. Cancelling the wait frees the place.

        Raises ApiError 429 where the queue is full, 503 where the server is closing.
        """
        if self.is_closed:
            raise _closing()
        if self.num_running < self.max_running:
            self._start()
        else:
            await self._wait(client)
        started = time.monotonic()
        try:
            yield
        finally:
            self._mean_seconds += 0.1 * (time.monotonic() - started - self._mean_seconds)
            self._release()

    def close(self) -> None:
        """Take no more requests and refuse those that wait; the running ones go on."""
        self.is_closed = True
        for queue in self._queues.values():
            for waiting in queue:
                _fail(waiting, _closing())
        self._queues.clear()
        self.num_waiting = 0

    async def idle(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()

    def _start(self) -> None:
        self.num_running += 1
        self._idle.clear()

    async def _wait(self, client: str) -> None:
        if self.num_waiting >= self.max_queued:
            self._make_room(client)
        waiting = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(waiting)
        self.num_waiting += 1
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.cancelled():
                self._forget(client, waiting)
            elif waiting.exception() is None:  # the slot had just been given
                self._release()
            raise

    def _forget(self, client: str, waiting: asyncio.Future) -> None:
        queue = self._queues.get(client, ())
        if waiting in queue:
            queue.remove(waiting)
            self.num_waiting -= 1
            if not queue:
                del self._queues[client]

    def _make_room(self, client: str) -> None:
        longest = max(self._queues, key=lambda name: len(self._queues[name]), default=client)
        if len(self._queues.get(longest, ())) <= len(self._queues.get(client, ())) + 1:
            raise self._full()
        newest = self._queues[longest][-1]
        self._forget(longest, newest)
        _fail(newest, self._full())

    def _release(self) -> None:
        """Give the slot to the next in turn, or have one fewer running."""
        while self._queues:
            client = next(iter(self._queues))
            queue = self._queues.pop(client)
            waiting = queue.popleft()
            self.num_waiting -= 1
            if queue:
                self._queues[client] = queue  # its next turn comes after everybody's
            if not waiting.done():  # a cancelled one has not noticed yet
                waiting.set_result(None)
                return
        self.num_running -= 1
        if not self.num_running:
            self._idle.set()

    def _full(self) -> ApiError:
        seconds = math.ceil((self.num_waiting + 1) * self._mean_seconds / self.max_running)
        return ApiError(
            429,
            tr(
                f"The server is busy: {self.num_running} requests run and {self.num_waiting} wait.",
                f"服务器繁忙：{self.num_running} 个请求正在运行，{self.num_waiting} 个在排队。",
            ),
            code="queue_full",
            headers={"Retry-After": str(min(max(seconds, 1), 60))},
        )


def _fail(waiting: asyncio.Future, error: ApiError) -> None:
    if not waiting.done():
        waiting.set_exception(error)


def _closing() -> ApiError:
    return ApiError(
        503,
        tr("The server is shutting down and takes no new requests.", "服务器正在关闭，不再接受新请求。"),
        code="draining",
        headers={"Retry-After": str(DRAIN_RETRY_SECONDS)},
    )
