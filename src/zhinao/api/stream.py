"""One reply under way in the thread that iterates it; another thread may close its thought or cancel it.

What the ids mean is `state.py`'s business; here requests are started, read and cancelled.
"""

import threading
from collections.abc import Generator, Iterator

from zhinao.api import reply as r
from zhinao.api.options import Options
from zhinao.api.reply import Event, Reply
from zhinao.api.state import ReplyState
from zhinao.engine.base import CANCELLED, LENGTH, STOP, Engine, Generation


class ReplyStream:
    """Iterate it once for its events; then `reply` is there. Leaving the loop early cancels the request.

    The request starts at once, so that a bad prompt raises here. Raises EngineError from the iteration. `how` goes to ReplyState.
    """

    def __init__(self, engine: Engine, tokenizer, prompt_ids: list[int], options: Options, **how):
        self.reply: Reply | None = None
        self._engine, self._state = engine, ReplyState(tokenizer, prompt_ids, options, **how)
        self._is_cancelled = False
        self._lock = threading.Lock()  # `answer_now` and `cancel` come from other threads
        self._waiting = self._state.begin()
        self._generation: Generation | None = self._start()
        self._events = self._run()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._events.close()
        self._cancel_generation()  # an iterator that was never begun has nothing to close

    def result(self) -> Reply:
        """Run to the end and return the reply."""
        for _ in self._events:
            pass
        assert self.reply
        return self.reply

    @property
    def prompt_ids(self) -> list[int]:
        return self._state.prompt_ids

    @property
    def num_thought_tokens(self) -> int:
        return self._state.num_thought_tokens

    @property
    def is_thinking(self) -> bool:
        return self._state.is_thinking

    @property
    def can_answer_now(self) -> bool:
        """Whether a thought runs, or may still begin."""
        return self._state.can_answer_now

    @property
    def may_reclassify(self) -> bool:
        """Whether answer text may still turn out to be a thought."""
        return self._state.may_reclassify

    def answer_now(self) -> bool:
        """Close the thought: the answer follows. False where no thought is running. For any thread."""
        with self._lock:
            if not self.can_answer_now or self._state.closing or self._is_cancelled:
                return False
            self._state.closing = r.ANSWER_NOW
            self._cancel_generation()
        return True

    def cancel(self) -> None:
        """Stop soon and keep what there is; `finish_reason` becomes `cancelled`. For any thread, and twice."""
        with self._lock:
            self._is_cancelled = True
            self._cancel_generation()

    def _cancel_generation(self) -> None:
        if self._generation:
            self._generation.cancel()

    def _run(self) -> Generator[Event, None, None]:
        finish = CANCELLED
        try:
            yield from self._waiting
            while True:
                finish = yield from self._drain()
                if not self._state.closing or self._is_cancelled:
                    break
                with self._lock:
                    closing = self._state.close_thought(self._state.closing)
                yield from closing
                with self._lock:
                    self._generation = self._start() if not self._is_cancelled else None
                if self._generation is None:
                    finish = CANCELLED if self._is_cancelled else LENGTH
                    break
            yield from self._state.finish(finish)
        finally:
            self._cancel_generation()
            self.reply = self._state.summary(finish)

    def _drain(self) -> Iterator[Event]:
        """Events of one request of the engine; returns why it ended."""
        finish = CANCELLED
        for chunk in self._generation or ():
            if not self._is_cancelled:
                yield from self._state.take(chunk)
            if self._state.matched is not None:
                return STOP
            if self._state.closing:
                self._cancel_generation()
            finish = chunk.finish or finish
        return CANCELLED if self._is_cancelled else finish

    def _start(self) -> Generation | None:
        asked = self._state.request(self._engine.info.num_context_tokens)
        return self._engine.generate(*asked) if asked else None
