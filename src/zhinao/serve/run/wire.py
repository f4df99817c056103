"""From the engine's threads into the event loop: many chunks with one wake-up. Knows nothing of what they mean."""

import asyncio
from collections import deque
from collections.abc import Callable


class Wire:
    """`post(call, value)` from any thread makes the loop call `call(value)` soon, in order.

    An engine step brings one chunk for each request; waking the loop for each of them would cost more than all the rest.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop, self._waiting, self._is_awake = loop, deque(), False

    def post(self, call: Callable, value) -> None:
        self._waiting.append((call, value))
        if not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_awake = False  # before emptying: what comes from here on wakes the loop again
        while self._waiting:
            call, value = self._waiting.popleft()
            call(value)
