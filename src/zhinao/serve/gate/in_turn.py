"""Threads for calls that take long, of one client after the other. Knows neither what is called nor routes."""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.turns import Share


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
