"""How many answers run at once, and how many may wait. Fair between clients. Knows neither HTTP nor the engine."""

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.turns import Turns

DRAIN_RETRY_SECONDS = 10
_SPARE = 8  # of so many slots one more is there for a client that has none


class Admission:
    """Slots for running answers and a bounded queue. One event loop only.

    Free slots go to the clients in turn, and within a client to whoever came first. Where the queue is full, a client that
    has fewer waiting than another takes the place of that one's newest. A client that has nothing running need not wait for those
    of others where there are many slots: so that it can begin, an eighth more may run.
    """

    def __init__(self, max_running: int, max_queued: int):
        self.max_running, self.max_queued = max_running, max_queued
        self.num_running = 0
        self.is_closed = False
        self._turns = Turns()
        self._held: Counter[str] = Counter()  # slots of each client
        self._num_inside = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._mean_seconds = 1.0

    @property
    def num_waiting(self) -> int:
        return self._turns.num_waiting

    @contextlib.contextmanager
    def visit(self) -> Iterator[None]:
        """For a whole request, with all that it does before and after its slots: `idle` waits for it too.

        Raises ApiError 503 where the server is closing.
        """
        if self.is_closed:
            raise _closing()
        self._num_inside += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._num_inside -= 1
            self._look()

    @contextlib.asynccontextmanager
    async def slot(self, client: str = "") -> AsyncIterator[None]:
        """Hold a slot; waits for one. Cancelling the wait frees the place.

        Raises ApiError 429 where the queue is full, 503 where the server is closing.
        """
        if self.is_closed:
            raise _closing()
        if self._may_start(client):
            self._start(client)
        else:
            await self._wait(client)
        started = time.monotonic()
        try:
            yield
        finally:
            self._mean_seconds += 0.1 * (time.monotonic() - started - self._mean_seconds)
            self._release(client)

    def check(self, client: str, num: int) -> None:
        """Raises ApiError 400 where so many answers to one request could never wait and run at once, 429 where they cannot now:
        sooner than the slots would say so."""
        most = self.max_running + self.max_queued
        if num > most:
            raise ApiError(
                400,
                tr(
                    f"{num} answers are asked for at once; this server takes {most}.",
                    f"一次请求了 {num} 个回答，此服务器上限为 {most}。",
                ),
                param="n",
            )
        room = self.max_running - self.num_running + self.max_queued - self.num_waiting
        if num > 1 and num > room and self._turns.longest in (None, client):
            raise self._full()

    def close(self) -> None:
        """Take no more requests and refuse those that wait; the running ones go on."""
        self.is_closed = True
        self._turns.fail_all(_closing)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()

    def _may_start(self, client: str) -> bool:
        more = 0 if self._held[client] else self.max_running // _SPARE
        return self.num_running < self.max_running + more

    def _start(self, client: str) -> None:
        self.num_running += 1
        self._held[client] += 1
        self._idle.clear()

    async def _wait(self, client: str) -> None:
        if self.num_waiting >= self.max_queued:
            self._turns.make_room(client, self._full)
        await self._turns.wait(client, lambda: self._release(client))

    def _release(self, client: str) -> None:
        """Give the slot to the next in turn, or have one fewer running."""
        self.num_running -= 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        while place := self._turns.next(self._may_start):
            self._start(place.client)
        self._look()

    def _look(self) -> None:
        if not self.num_running and not self._num_inside:
            self._idle.set()

    def _full(self) -> ApiError:
        seconds = math.ceil((self.num_waiting + 1) * self._mean_seconds / self.max_running)
        return ApiError(
            429,
            tr(
                f"The server is busy: {self.num_running} answers run and {self.num_waiting} wait.",
                f"服务器繁忙：{self.num_running} 个回答正在生成，{self.num_waiting} 个在排队。",
            ),
            code="queue_full",
            headers={"Retry-After": str(min(max(seconds, 1), 60))},
        )


def _closing() -> ApiError:
    return ApiError(
        503,
        tr("The server is shutting down and takes no new requests.", "服务器正在关闭，不再接受新请求。"),
        code="draining",
        headers={"Retry-After": str(DRAIN_RETRY_SECONDS)},
    )
