"""Prompts on their way into the engine, clients in turn; a long one goes a piece at a time, so that others come between.

The engine reads prompts one after the other, to the end. What it has read it keeps for a while, so the beginning of a long
prompt is sent as a request of its own whose answer nobody wants, then a longer beginning, until little is left to read.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from zhinao.engine.base import Chunk, Engine, Sampling
from zhinao.errors import EngineError
from zhinao.serve.gate.turns import Share
from zhinao.serve.run.live_answer import Wire

PIECE = 512  # tokens: a second of a small model on two cores; a multiple of the blocks that are kept
_AT_ONCE = 1024  # that the engine has before it: enough to keep it busy, few enough for others to be next
_HALF_READ = 2  # prompts: of more, one could push the other out of what the engine keeps
_UNWANTED = Sampling(temperature=0.0, max_tokens=1)


class Reading:
    """What all prompts share. `taken` are the tokens that the engine is to read now. One event loop only."""

    def __init__(self):
        self._share, self._half_read = Share(_AT_ONCE), Share(_HALF_READ)

    @property
    def taken(self) -> float:
        return self._share.taken

    @contextlib.asynccontextmanager
    async def turn(self, client: str, ids: list[int], engine: Engine, wire: Wire) -> AsyncIterator[Callable[[], None]]:
        """Within it the prompt may be sent; the function says that it has been read. Raises what `engine.check_prompt` raises."""
        ends = _ends(len(ids)) if engine.keeps_prompts else range(0)
        if ends:
            engine.check_prompt(ids, _UNWANTED)
            async with self._half_read.part(client, 1):
                for end in ends:
                    async with self._share.part(client, PIECE):
                        await _read(ids[:end], engine, wire)
        async with self._share.part(client, len(ids) - max(ends, default=0)) as is_read:
            yield is_read


def _ends(num_tokens: int) -> range:
    """Where the pieces of a prompt end that are read before it is sent whole."""
    return range(PIECE, num_tokens - PIECE, PIECE)


async def _read(ids: list[int], engine: Engine, wire: Wire) -> None:
    """A failure is passed over: the prompt itself will meet it."""
    is_read = asyncio.Event()

    def hear(chunk: Chunk | EngineError) -> None:
        if isinstance(chunk, EngineError) or chunk.finish:
            is_read.set()

    generation = engine.generate(ids, _UNWANTED)
    try:
        generation.listen(lambda chunk: wire.post(hear, chunk))
        await is_read.wait()
    finally:
        generation.cancel()
