"""One answer under way in the event loop: the engine's chunks become events in a queue. The twin of `api/stream.py` without threads."""

import asyncio
import functools
from collections import deque
from collections.abc import Callable

from zhinao.api import reply as r
from zhinao.api.state import ReplyState
from zhinao.engine.base import LENGTH, STOP, Chunk, Engine, Generation
from zhinao.errors import EngineError, ZhinaoError

BEGUN = object()


class Wire:
    """From the engine's threads into the event loop: `post(call, value)` from any thread makes the loop call `call(value)` soon, in order.

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


class LiveAnswer:
    """Puts `(index, BEGUN)` into `out`, then `(index, events)` as they come, last `(index, Reply)`, or `(index, ZhinaoError)` where it failed.

    `prompt_read` is set when the engine has begun to answer, `ended` when it has nothing to do for this one any more, however
    much of it has yet to be sent. All methods are for the loop's thread. Raises UsageError, ContextLengthError from `start`, before anything runs.
    """

    def __init__(
        self, engine: Engine, make_state: Callable[[], ReplyState], wire: Wire, out: asyncio.Queue, index: int = 0
    ):
        self.index, self.is_begun, self.is_over = index, False, False
        self._make_state = make_state
        self.prompt_read, self.ended = asyncio.Event(), asyncio.Event()
        self._engine, self._wire, self._out = engine, wire, out
        self._generation: Generation | None = None

    @functools.cached_property
    def state(self) -> ReplyState:
        """Made when it is needed: there may be hundreds that wait."""
        return self._make_state()

    @property
    def num_tokens(self) -> int:
        return len(self.state.ids) if self.is_begun else 0

    def start(self) -> None:
        if self.is_over:
            return
        self._begin()
        if events := self.state.begin():
            self._out.put_nowait((self.index, events))
        self._ask()

    def skip(self) -> None:
        """End without asking the engine for anything."""
        self._begin()
        self._end(LENGTH)

    def _begin(self) -> None:
        self.is_begun = True
        self._out.put_nowait((self.index, BEGUN))

    def answer_now(self) -> bool:
        """Close the thought. False where none is running."""
        if self.is_over or not self.is_begun or not self.state.can_answer_now:
            return False
        self._close(r.ANSWER_NOW)
        return True

    def cancel(self) -> None:
        """Free the engine; nothing more comes out. May be called at any time, and twice."""
        self._over()
        self._drop()

    def _ask(self) -> None:
        asked = self.state.request(self._engine.info.num_context_tokens)
        if asked is None:
            return self._end(LENGTH)
        generation = self._generation = self._engine.generate(*asked)
        generation.listen(lambda chunk: self._wire.post(self._hear, (generation, chunk)))

    def _hear(self, message: tuple[Generation, Chunk | EngineError]) -> None:
        generation, chunk = message
        if self.is_over or generation is not self._generation:
            return  # cancelled meanwhile
        self.prompt_read.set()
        if isinstance(chunk, EngineError):
            self._fail(chunk)
            return
        if events := self.state.take(chunk):
            self._out.put_nowait((self.index, events))
        if self.state.matched is not None:
            self._end(STOP)
        elif self.state.closing:
            self._close(self.state.closing)
        elif chunk.finish:
            self._end(chunk.finish)

    def _close(self, reason: str) -> None:
        self._drop()
        self._out.put_nowait((self.index, self.state.close_thought(reason)))
        try:
            self._ask()
        except ZhinaoError as error:
            self._fail(error)

    def _end(self, finish: str) -> None:
        self._drop()
        if events := self.state.finish(finish):
            self._out.put_nowait((self.index, events))
        self._over()
        self._out.put_nowait((self.index, self.state.summary(finish)))

    def _fail(self, error: ZhinaoError) -> None:
        self._over()
        self._out.put_nowait((self.index, error))

    def _over(self) -> None:
        self.is_over = True
        self.prompt_read.set()
        self.ended.set()

    def _drop(self) -> None:
        generation, self._generation = self._generation, None
        if generation:
            generation.cancel()
