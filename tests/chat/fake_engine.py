"""An engine that says what the test wrote down, so that everything above the engine is tested to the letter."""

import threading
from collections.abc import Callable

from tests.byte_tokenizer import ByteTokenizer

from zhinao.api.model import Model
from zhinao.engine.base import CANCELLED, LENGTH, STOP, Chunk, Engine, EngineInfo, Generation, Sampling
from zhinao.errors import EngineError, UsageError


class FakeEngine(Engine):
    """`says(prompt text) -> text`, which may hold control tokens; or a list of texts, one a request.

    A reply ends by `<|im_end|>` unless it already ends in a control token or in `…` (which runs into the length limit).
    `hold`: a text after which the reply waits until it is cancelled. An exception as text is raised where it stands.
    """

    def __init__(
        self,
        says: Callable[[str], str] | list,
        *,
        num_context_tokens=100_000,
        delay=0.0,
        hold=None,
        on_hold=None,
        tokenizer=None,
    ):
        self.tokenizer = tokenizer or ByteTokenizer()
        self.info = EngineInfo("fake", "cpu", "int8", 320, num_context_tokens)
        self.requests: list[tuple[str, Sampling]] = []
        self.delay, self.hold, self.on_hold = delay, hold, on_hold
        self.is_closed = False
        self._says = says if callable(says) else (lambda _: says.pop(0))

    def generate(self, prompt_ids, sampling):
        limit = self.check_prompt(prompt_ids, sampling)
        text = self.tokenizer.decode(prompt_ids, skip_control=False)
        self.requests.append((text, sampling))
        return FakeGeneration(self, len(prompt_ids), self._says(text), limit, sampling)

    def check_grammar(self, grammar):
        if grammar and grammar.text == "bad":
            raise UsageError("This grammar is bad.")

    def score(self, prompt_ids, is_left=lambda: False):
        return [-1.0] * (len(prompt_ids) - 1)

    def close(self):
        self.is_closed = True


class FakeGeneration(Generation):
    def __init__(self, engine: FakeEngine, num_prompt_tokens: int, says, limit: int, sampling: Sampling):
        self.num_prompt_tokens = num_prompt_tokens
        self._engine, self._says, self._limit, self._sampling = engine, says, limit, sampling
        self._cancelled = threading.Event()

    def __iter__(self):
        if isinstance(self._says, Exception):
            raise self._says
        text, crash, _ = self._says.partition("CRASH")
        ids = self._engine.tokenizer.encode(text, control=True)
        held = self._engine.tokenizer.encode(self._engine.hold or "", control=True)
        if not crash and not (ids and ids[-1] > 256) and not text.endswith("…"):
            ids.append(self._engine.tokenizer.control_tokens["<|im_end|>"])
        for n, number in enumerate(ids, start=1):
            if self._engine.delay:
                self._cancelled.wait(self._engine.delay)
            if held and ids[max(n - 1 - len(held), 0) : n - 1] == held:
                if self._engine.on_hold:
                    self._engine.on_hold()
                self._cancelled.wait(20)
            if self._cancelled.is_set():
                yield Chunk((), finish=CANCELLED)
                return
            finish = STOP if number in self._sampling.stop_ids else LENGTH if n == self._limit else None
            yield Chunk((number,), (-0.5,) if self._sampling.logprobs else None, finish)
            if finish:
                return
        if crash:
            raise EngineError("the engine was restarted")
        yield Chunk((), finish=LENGTH)

    def cancel(self):
        self._cancelled.set()


def fake_model(
    says, *, chat_template=None, thinks=False, sampling=None, sampling_source="", languages=(), **engine
) -> Model:
    """A model on a FakeEngine with the byte tokenizer. `model.engine.requests` are the prompts it was given."""
    tokenizer = ByteTokenizer(chat_template)
    stop_ids = [tokenizer.control_tokens[name] for name in ("<eod>", "<|im_end|>", "<|im_start|>")]
    engine = FakeEngine(says, tokenizer=tokenizer, **engine)
    return Model(
        engine,
        tokenizer,
        "fake",
        stop_ids=stop_ids,
        sampling=sampling,
        sampling_source=sampling_source,
        thinks=thinks,
        languages=languages,
    )
