"""A reply as it grows: the engine's ids go in, events of thought and answer come out, and what to ask the engine next.

Pure: it starts no request and waits for nothing, so that threads (`stream.py`) and an event loop can both drive it. Closing a
thought means another request with the thought, a closing sentence and `</think>` in its prompt; the engine's prefix cache
makes that cheap. It renders no messages.
"""

import time
from dataclasses import replace

from zhinao.api import reply as r
from zhinao.api.loops import repeats_itself
from zhinao.api.options import Options
from zhinao.api.reply import Event, Reply, Usage
from zhinao.engine.base import LENGTH, STOP, Chunk, Sampling
from zhinao.family import CLOSING_SENTENCES, THINK_CLOSE, THINK_OPEN, TOOL_OPEN
from zhinao.lang import tr
from zhinao.prompt.text_stream import TextStream
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT, Piece

_LOOP_CHECK_EVERY = 32  # tokens
_OPEN, _CALL, _FORM = "open", "call", "form"  # what an answer is that may be a call or has a form


class ReplyState:
    """`ids` and `logprobs` are all new tokens so far. `closing` is why the request is to be asked anew now (a thought is to be
    closed, or the grammar is to begin), or None.

    `may_call`: the model may call a tool instead of answering in the form of the grammar; it begins without one, and where
    that is no call, what it wrote is forgotten.
    """

    def __init__(
        self,
        tokenizer,
        prompt_ids: list[int],
        options: Options,
        *,
        is_open=False,
        thinks=False,
        splits_thought=True,
        may_call=False,
    ):
        self.prompt_ids = list(prompt_ids)
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.num_thought_tokens = 0
        self.closing: str | None = None
        self._tokenizer, self._options = tokenizer, options
        self._thought: list[str] = []
        self._answer: list[str] = []
        self._thought_end: str | None = None
        self._thinks = splits_thought and (thinks or is_open)
        self._text = TextStream(
            tokenizer,
            stops=options.stop,
            stop_ids=options.sampling.stop_ids,
            is_open=is_open,
            thinks=thinks,
            splits_thought=splits_thought,
        )
        self._has_grammar = options.sampling.grammar is not None
        self._answers_by = _OPEN if may_call and self._has_grammar else _FORM
        self._undecided: list[tuple[int, float | None]] = []  # ids of an answer that may become a call, with logprobs
        self._started = time.perf_counter()
        self._first_token = self._thought_over = 0.0

    @property
    def matched(self) -> str | None:
        """The stop string that ended the reply."""
        return self._text.matched

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

    def begin(self) -> list[Event]:
        """To be called once, before the first request: a budget of no tokens closes the thought at once, and so does a grammar
        where the model itself would have to open one."""
        if self._options.thinking_budget == 0 and self.can_answer_now:
            return self.close_thought(r.BUDGET)
        if self._has_grammar and self.can_answer_now and not self.is_thinking:
            return self.close_thought(r.CLOSED)
        return []

    def request(self, num_context_tokens: int) -> tuple[list[int], Sampling] | None:
        """What to ask the engine to go on with; None where neither limit leaves room for a token."""
        prompt, sampling = self.prompt_ids + self.ids, self._options.sampling
        if self.is_thinking or self._answers_by != _FORM:
            sampling = replace(sampling, grammar=None)  # it is the answer's
        if self.ids:
            left = None if sampling.max_tokens is None else sampling.max_tokens - len(self.ids)
            if len(prompt) >= num_context_tokens or (left is not None and left < 1):
                return None
            sampling = replace(sampling, max_tokens=left, min_tokens=max(sampling.min_tokens - len(self.ids), 0))
        return prompt, sampling

    def take(self, chunk: Chunk) -> list[Event]:
        """Events of new tokens. Afterwards `matched` and `closing` tell whether the request is to be cancelled."""
        events: list[Event] = []
        for n, number in enumerate(chunk.ids):
            if self.closing or self.matched is not None:
                break
            self._first_token = self._first_token or time.perf_counter()
            logprob = chunk.logprobs[n] if chunk.logprobs else None
            if self.is_thinking and self._is_end(number) and self._has_room_to_close(r.CLOSED):
                self.closing = r.CLOSED  # the thought is over, and the answer is still to come
            elif self._answers_by == _OPEN and not self.is_thinking:
                events += self._weigh(number, logprob)
            else:
                events += self._accept(number, logprob)
        if self._undecided and chunk.finish in (STOP, LENGTH) and not self.closing:
            events += self._decide(_FORM)
        return events

    def _accept(self, number: int, logprob: float | None) -> list[Event]:
        self.ids.append(number)
        if logprob is not None:
            self.logprobs.append(logprob)
        was_thinking = self.is_thinking
        events = self._events(self._text.feed((number,)))
        if self.matched is None and self.is_thinking:
            self._watch_thought()
        elif was_thinking and self._has_grammar and self._answers_by == _FORM:
            self.closing = r.CLOSED  # another request follows, with the grammar
        return events

    def _is_end(self, number: int) -> bool:
        return number in self._options.sampling.stop_ids and not self._options.sampling.ignore_eos

    def _weigh(self, number: int, logprob: float | None) -> list[Event]:
        """Hold an answer back until it is known whether it calls a tool."""
        self._undecided.append((number, logprob))
        text = self._tokenizer.decode([id for id, _ in self._undecided], skip_control=False).lstrip()
        if text.startswith(TOOL_OPEN):
            return self._decide(_CALL)
        is_over = self._is_end(number) or not TOOL_OPEN.startswith(text)
        return self._decide(_FORM) if is_over else []

    def _decide(self, how: str) -> list[Event]:
        held, self._undecided, self._answers_by = self._undecided, [], how
        if how == _FORM:
            self.closing = r.CLOSED  # another request follows, with the grammar
            return []
        return [event for one in held for event in self._accept(*one)]

    def close_thought(self, reason: str) -> list[Event]:
        """Put the end of the thought into the output. Nothing where the model has just closed it by itself."""
        self.closing = None
        if not self.can_answer_now:
            return []
        self._drop_half_character()
        closing = self._closing_text(reason)
        self._thought_end = reason
        new_ids = self._tokenizer.encode(closing, control=True)
        self.ids += new_ids
        if self._options.sampling.logprobs:
            self.logprobs += [0.0] * len(new_ids)  # certain, since not drawn
        note = [Event(r.NOTE, _NOTES[reason]())] if reason in _NOTES else []
        return [*note, *self._events(self._text.add(closing))]

    def finish(self, reason: str) -> list[Event]:
        """The text that was held back; to be called once, at the end."""
        self._undecided = []
        return self._events(self._text.finish(is_cut=reason == LENGTH))

    def summary(self, finish: str) -> Reply:
        """The reply so far, ended for the reason `finish`."""
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
            usage=Usage(len(self.prompt_ids), len(self.ids), self.num_thought_tokens),
            ids=tuple(self.ids),
            logprobs=tuple(self.logprobs) if self._options.sampling.logprobs else None,
            seconds=now - self._started,
            first_token_seconds=(self._first_token or now) - self._started,
            thought_seconds=(self._thought_over or now) - self._started if end else 0.0,
        )

    def _watch_thought(self) -> None:
        """Count the thought's tokens; it is to be closed where the budget is used up or it turns in circles."""
        self.num_thought_tokens += 1
        count, budget = self.num_thought_tokens, self._options.thinking_budget
        if budget is not None and count >= budget:
            reason = r.BUDGET
        elif count % _LOOP_CHECK_EVERY == 0 and repeats_itself(self.ids[-count:]):
            reason = r.LOOP
        else:
            return
        if self._has_room_to_close(reason):
            self.closing = reason

    def _has_room_to_close(self, reason: str) -> bool:
        """Whether the words that close a thought fit into `max_tokens`; where they do not, the limit ends the reply as it is."""
        most = self._options.sampling.max_tokens
        return (
            most is None
            or len(self.ids) + len(self._tokenizer.encode(self._closing_text(reason), control=True)) <= most
        )

    def _events(self, pieces: list[Piece]) -> list[Event]:
        for piece in pieces:
            if piece.kind == RECLASSIFY:
                self._thought, self._answer = self._thought + self._answer, []
                self.num_thought_tokens = len(self.ids)
                self._thought_over = time.perf_counter()
            else:
                (self._thought if piece.kind == THOUGHT else self._answer).append(piece.text)
                if piece.kind == ANSWER and self._text.splitter.is_closed:
                    self._thought_over = self._thought_over or time.perf_counter()
        return [Event(piece.kind, piece.text) for piece in pieces]

    def _closing_text(self, reason: str) -> str:
        if self._text.splitter.is_undecided and not self._text.splitter.is_thinking:
            return f"{THINK_OPEN}\n\n{THINK_CLOSE}\n\n"
        if reason == r.CLOSED or not "".join(self._thought).strip():
            return f"\n{THINK_CLOSE}\n\n"
        is_chinese = any("\u4e00" <= char <= "\u9fff" for char in "".join(self._thought[-200:]))
        sentence = CLOSING_SENTENCES[is_chinese]
        return f"\n\n{sentence}\n{THINK_CLOSE}\n\n"

    def _drop_half_character(self) -> None:
        """Take back ids at the end that have not made a whole character yet."""
        self._text.drop_half_character()
        for _ in range(3):
            if self.ids and self._tokenizer.decode(self.ids[-16:]).endswith("\ufffd"):
                self.ids.pop()
                del self.logprobs[len(self.ids) :]


_NOTES = {
    r.BUDGET: lambda: tr("the thinking budget is used up; closing the thought", "思考预算已用完，结束思考"),
    r.LOOP: lambda: tr("the thought repeats itself; closing it", "思考内容在重复，结束思考"),
}
