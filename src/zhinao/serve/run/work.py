"""What a request costs before the engine has it, done beside the event loop: parsing, rendering, encoding. Knows no routes.

Small bodies are done at once, since a thread would cost more. Large ones wait for one another and for nobody else, clients in turn.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.run.turns import Share

SMALL_BYTES, LARGE_BYTES = 4_096, 262_144
_MAX_LARGE = 32  # being read or waiting; each may hold tens of megabytes


class Work:
    """Few threads: Python runs one at a time, and the event loop has to get its turn among them."""

    def __init__(self):
        self._quick = InTurn("zhinao-work", 2)
        self._slow = InTurn("zhinao-large-work", max_waiting=_MAX_LARGE - 1)

    async def do(self, client: str, num_bytes: int, call: Callable, *args):
        """The result of `call(*args)` for a body of so many bytes. Raises what that raises, ApiError 429 where too much waits."""
        if num_bytes <= SMALL_BYTES:
            return call(*args)
        return await (self._quick if num_bytes <= LARGE_BYTES else self._slow).do(client, call, *args)

    def close(self) -> None:
        """What has not begun is dropped."""
        self._quick.close()
        self._slow.close()


class InTurn:
    """Threads of their own for calls that take long, of one client after the other.

    Where `max_waiting` wait, the newest of the client with the most gives way to one that has fewer.
    """

    def __init__(self, name: str = "zhinao-in-turn", num_threads: int = 1, max_waiting: int | None = None):
        self._pool, self._turn = ThreadPoolExecutor(num_threads, name), Share(num_threads, max_waiting, _busy)

    async def do(self, client: str, call: Callable, *args):
        """The result of `call(*args)`. The next one's turn comes when a thread is free, even if this one is cancelled.

        Raises what that raises, ApiError 429 where too much waits.
        """
        give_back, loop = await self._turn.take(client, 1), asyncio.get_running_loop()

        def over(_) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(give_back)

        running = self._pool.submit(_of_this_request(call), *args)
        running.add_done_callback(over)
        return await asyncio.wrap_future(running)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _of_this_request(call: Callable) -> Callable:
    """The call, which knows in a thread as well whose language it has to speak."""
    return functools.partial(contextvars.copy_context().run, call)


def _busy() -> ApiError:
    return ApiError(
        429,
        tr("Too many large requests wait to be read.", "等待读取的大请求过多。"),
        code="queue_full",
        headers={"Retry-After": "5"},
    )
