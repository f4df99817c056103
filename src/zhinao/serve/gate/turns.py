"""Who is next: clients in turn, and within a client whoever came first. Knows neither what is waited for nor HTTP."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Place:
    client: str
    given: asyncio.Future
    amount: float = 0.0


class Turns:
    """A queue for each client; `next` gives the place in front of the client whose turn it is. One event loop only."""

    def __init__(self):
        self.num_waiting = 0
        self._queues: dict[str, deque[Place]] = {}  # in the order of their turns; none is empty

    def num_of(self, client: str) -> int:
        return len(self._queues.get(client, ()))

    @property
    def longest(self) -> str | None:
        """The client with the most in its queue."""
        return max(self._queues, key=self.num_of, default=None)

    async def wait(self, client: str, lost: Callable[[], None], amount: float = 0.0) -> None:
        """Until `next` has come to it; raises what `fail_…` was given. `lost` is called where a turn was given to one that has left."""
        place = Place(client, asyncio.get_running_loop().create_future(), amount)
        self._queues.setdefault(client, deque()).append(place)
        self.num_waiting += 1
        try:
            await place.given
        except asyncio.CancelledError:
            if place.given.cancelled():
                self._forget(place)
            elif place.given.exception() is None:
                lost()
            raise

    def next(self, is_due: Callable[[str], bool] = lambda client: True) -> Place | None:
        """The place that was given its turn; its client's next one comes after everybody's. None where nobody's turn is due."""
        for client in list(self._queues):
            while client in self._queues and is_due(client):
                queue = self._queues.pop(client)
                place = queue.popleft()
                self.num_waiting -= 1
                if queue:
                    self._queues[client] = queue
                if not place.given.done():  # a cancelled one has not noticed yet
                    place.given.set_result(None)
                    return place
        return None

    def make_room(self, client: str, make: Callable[[], Exception]) -> None:
        """The newest of the client with the most gives way to one that has fewer. Raises `make()` where that is nobody."""
        longest = self.longest
        if longest is None or self.num_of(longest) <= self.num_of(client) + 1:
            raise make()
        place = self._queues[longest][-1]
        self._forget(place)
        _fail(place, make())

    def fail_all(self, make: Callable[[], Exception]) -> None:
        places = [place for queue in self._queues.values() for place in queue]
        self._queues, self.num_waiting = {}, 0
        for place in places:
            _fail(place, make())

    def _forget(self, place: Place) -> None:
        queue = self._queues.get(place.client, ())
        if place in queue:
            queue.remove(place)
            self.num_waiting -= 1
            if not queue:
                del self._queues[place.client]


def _fail(place: Place, error: Exception) -> None:
    if not place.given.done():
        place.given.set_exception(error)


class Share:
    """Something that all clients share, given out in turn while less than `capacity` of it is taken.

    Where `max_waiting` wait for it already, somebody is refused with `full()`.
    """

    def __init__(self, capacity: float, max_waiting: int | None = None, full: Callable[[], Exception] = RuntimeError):
        self.capacity, self.taken, self._turns = capacity, 0.0, Turns()
        self._max_waiting, self._full = max_waiting, full

    async def take(self, client: str, amount: float) -> Callable[[], None]:
        """So much of it; the function gives it back, and may be called twice. The last to be let in may take more than is left."""
        if self._turns.num_waiting or self.taken >= self.capacity:
            if self._max_waiting is not None and self._turns.num_waiting >= self._max_waiting:
                self._turns.make_room(client, self._full)
            await self._turns.wait(client, lambda: self._take(-amount), amount)
        else:
            self.taken += amount
        held = [amount]

        def give_back() -> None:
            while held:
                self._take(-held.pop())

        return give_back

    @contextlib.asynccontextmanager
    async def part(self, client: str, amount: float) -> AsyncIterator[Callable[[], None]]:
        """Hold so much meanwhile; the function gives it back early."""
        give_back = await self.take(client, amount)
        try:
            yield give_back
        finally:
            give_back()

    def _take(self, amount: float) -> None:
        self.taken += amount
        while self.taken < self.capacity and (place := self._turns.next()):
            self.taken += place.amount
