"""One reply under way: the engine's ids become events of thought and answer, and a thought can be closed from outside.

Closing a thought cancels the request and starts another one with the thought, a closing sentence and `</think>` in its
prompt; the engine's prefix cache makes that cheap. It renders no messages.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from zhinao.api import reply as r
from zhinao.api.loops import repeats_itself
from zhinao.api.options import Options
from zhinao.api.reply import Event, Reply, Usage
from zhinao.engine.base import CANCELLED, LENGTH, STOP, Engine, Generation
from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.lang import tr
from zhinao.prompt.text_stream import TextStream
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT, Piece

_LOOP_CHECK_EVERY = 32  # tokens


class ReplyStream:
    """Iterate it once for its events; then `reply` is there. Leaving the loop early cancels the request.

    The request starts at once, so that a bad prompt raises here. Raises EngineError from the iteration.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer,
        prompt_ids: list[int],
        options: Options,
        *,
        is_open=False,
        thinks=False,
        splits_thought=True,
    ):
        self.reply: Reply | None = None
        self.prompt_ids = list(prompt_ids)
        self._engine, self._tokenizer, self._options = engine, tokenizer, options
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._thought, self._answer = [], []
        self.num_thought_tokens = 0
        self._closing: str | None = None  # why the thought is to be closed now
        self._thought_end: str | None = None
        self._is_cancelled = False
        self._thinks = splits_thought and (thinks or is_open)
        self._lock = threading.Lock()  # `answer_now` and `cancel` come from other threads
        self._text = TextStream(
            tokenizer,
            stops=options.stop,
            stop_ids=options.sampling.stop_ids,
            is_open=is_open,
            thinks=thinks,
            splits_thought=splits_thought,
        )
        self._started = time.perf_counter()
        self._first_token = self._thought_over = 0.0
        self._waiting: list[Event] = []
        if options.thinking_budget == 0 and self.can_answer_now:
            self._waiting = self._close_thought(r.BUDGET)
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
    def is_thinking(self) -> bool:
        return self._thinks and self._text.splitter.is_thinking

    @property
    def can_answer_now(self) -> bool:
        """Whether a thought runs, or may still begin."""
        return self._thinks and (self.is_thinking or self._text.splitter.is_undecided)

    @property
    def may_reclassify(self) -> bool:
        """Whether answer text may still turn out to be a thought: a thinking model that has neither opened nor ended one."""
        return self._thinks and not self.is_thinking and not self._text.splitter.is_closed

    def answer_now(self) -> bool:
        """Close the thought: the answer follows. False where no thought is running. For any thread."""
        with self._lock:
            if not self.can_answer_now or self._closing or self._is_cancelled:
                return False
            self._closing = r.ANSWER_NOW
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

    def _run(self) -> Iterator[Event]:
        finish = CANCELLED
        try:
            yield from self._waiting
            while True:
                finish = yield from self._drain()
                if not self._closing or self._is_cancelled:
                    break
                yield from self._close_thought(self._closing)
                with self._lock:
                    self._closing = None
                    self._generation = self._start() if not self._is_cancelled else None
                if self._generation is None:
                    finish = CANCELLED if self._is_cancelled else LENGTH
                    break
            yield from self._take(self._text.finish())
        finally:
            self._cancel_generation()
            self.reply = self._summary(finish)

    def _drain(self) -> Iterator[Event]:
        """Events of one request of the engine; returns why it ended."""
        finish = CANCELLED
        for chunk in self._generation or ():
            for n, number in enumerate(chunk.ids):
                if self._closing or self._is_cancelled:
                    break
                self._first_token = self._first_token or time.perf_counter()
                self._ids.append(number)
                if chunk.logprobs:
                    self._logprobs.append(chunk.logprobs[n])
                yield from self._take(self._text.feed((number,)))
                if self._text.matched is not None:
                    return STOP
                if self._thinks and self._text.splitter.is_thinking:
                    self._watch_thought()
            finish = chunk.finish or finish
        return CANCELLED if self._is_cancelled else finish

    def _watch_thought(self) -> None:
        """Count the thought's tokens; close it where the budget is used up or it turns in circles."""
        self.num_thought_tokens += 1
        count, budget = self.num_thought_tokens, self._options.thinking_budget
        reason = r.BUDGET if budget is not None and count >= budget else None
        if not reason and count % _LOOP_CHECK_EVERY == 0 and repeats_itself(self._ids[-count:]):
            reason = r.LOOP
        if reason:
            with self._lock:
                self._closing = self._closing or reason
                self._cancel_generation()

    def _take(self, pieces: list[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if piece.kind == RECLASSIFY:
                self._thought, self._answer = self._thought + self._answer, []
                self.num_thought_tokens = len(self._ids)
                self._thought_over = time.perf_counter()
            else:
                (self._thought if piece.kind == THOUGHT else self._answer).append(piece.text)
                if piece.kind == ANSWER and self._text.splitter.is_closed:
                    self._thought_over = self._thought_over or time.perf_counter()
            yield Event(piece.kind, piece.text)

    def _close_thought(self, reason: str) -> list[Event]:
        """Put the end of the thought into the output. Nothing where the model has just closed it by itself."""
        if not self.can_answer_now:
            return []
        self._drop_half_character()
        closing = self._closing_text(reason)
        self._thought_end = reason
        new_ids = self._tokenizer.encode(closing, control=True)
        self._ids += new_ids
        if self._options.sampling.logprobs:
            self._logprobs += [0.0] * len(new_ids)  # certain, since not drawn
        note = [Event(r.NOTE, _NOTES[reason]())] if reason in _NOTES else []
        return [*note, *self._take(self._text.add(closing))]

    def _closing_text(self, reason: str) -> str:
        if self._text.splitter.is_undecided and not self._text.splitter.is_thinking:
            return f"{THINK_OPEN}\n\n{THINK_CLOSE}\n\n"
        if not "".join(self._thought).strip():
            return f"\n{THINK_CLOSE}\n\n"
        is_chinese = any("\u4e00" <= char <= "\u9fff" for char in "".join(self._thought[-200:]))
        sentence = (
            "我先想到这里，现在给出答案。" if is_chinese else "I will stop thinking here and give the answer now."
        )
        return f"\n\n{sentence}\n{THINK_CLOSE}\n\n"

    def _drop_half_character(self) -> None:
        """Take back ids at the end that have not made a whole character yet."""
        self._text.drop_half_character()
        for _ in range(3):
            if self._ids and self._tokenizer.decode(self._ids[-16:]).endswith("\ufffd"):
                self._ids.pop()
                del self._logprobs[len(self._ids) :]

    def _start(self) -> Generation | None:
        """Ask the engine to go on after all ids so far; None where neither limit leaves room for a token."""
        prompt, sampling = self.prompt_ids + self._ids, self._options.sampling
        if self._ids:
            left = None if sampling.max_tokens is None else sampling.max_tokens - len(self._ids)
            if len(prompt) >= self._engine.info.num_context_tokens or (left is not None and left < 1):
                return None
            sampling = replace(sampling, max_tokens=left, min_tokens=max(sampling.min_tokens - len(self._ids), 0))
        return self._engine.generate(prompt, sampling)

    def _summary(self, finish: str) -> Reply:
        now = time.perf_counter()
        thought, splitter = "".join(self._thought), self._text.splitter
        end = self._thought_end or (r.CLOSED if splitter.is_closed else None)
        if self.is_thinking:
            end = r.UNFINISHED
        return Reply(
            content="".join(self._answer),
            reasoning_content=thought if thought or end else None,
            finish_reason=finish,
            thought_end=end,
            usage=Usage(len(self.prompt_ids), len(self._ids), self.num_thought_tokens),
            ids=tuple(self._ids),
            logprobs=tuple(self._logprobs) if self._options.sampling.logprobs else None,
            seconds=now - self._started,
            first_token_seconds=(self._first_token or now) - self._started,
            thought_seconds=(self._thought_over or now) - self._started if end else 0.0,
        )


_NOTES = {
    r.BUDGET: lambda: tr("the thinking budget is used up; closing the thought", "思考预算已用完，结束思考"),
    r.LOOP: lambda: tr("the thought repeats itself; closing it", "思考内容在重复，结束思考"),
}
