"""What a request costs before the engine has it, done beside the event loop: parsing, rendering, encoding. Knows no routes.

Small bodies are done at once, since a thread would cost more. Large ones wait for one another and for nobody else, clients in turn.
"""

from collections.abc import Callable

from zhinao.serve.gate.in_turn import InTurn

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
