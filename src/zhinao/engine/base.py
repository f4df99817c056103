"""The interface of every engine: token ids in, token ids out. Knows neither text nor HTTP.

Stop strings, thinking and detokenising belong to the caller; an engine stops at ids and at lengths only.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

from zhinao.engine.bounds import BOUNDS
from zhinao.errors import ContextLengthError, EngineError, UsageError
from zhinao.lang import said, tr

STOP, LENGTH, CANCELLED = "stop", "length", "cancelled"
GRAMMAR_KINDS = ("json_schema", "regex", "ebnf")
MAX_GRAMMAR_BYTES = 2**16  # longer ones take too long to compile


@dataclass(frozen=True, kw_only=True)
class JudgedGrammar:
    """What an engine found out about a grammar that it can follow: what a token of it costs everybody, in seconds of computing."""

    seconds: float


@dataclass(frozen=True)
class Grammar:
    """What an answer must look like from its first token to its end: JSON by a schema, a regular expression that fits
    the whole answer, or an EBNF grammar in GBNF's notation whose first rule is `root`.

    Raises UsageError for an unknown kind, and for a text that is empty or too long; whether the text itself is right
    is known to engines alone.
    """

    kind: str
    text: str

    def __post_init__(self):
        if self.kind not in GRAMMAR_KINDS:
            kinds = ", ".join(GRAMMAR_KINDS)
            raise UsageError(
                tr(
                    f"No grammar of kind {self.kind!r}; there are: {kinds}.",
                    f"没有 {self.kind!r} 类语法，可用：{kinds}。",
                )
            )
        num_bytes = len(self.text.encode("utf-8", "replace"))
        if not self.text.strip() or num_bytes > MAX_GRAMMAR_BYTES:
            raise UsageError(
                tr(
                    f"The {self.kind} has {num_bytes} bytes; allowed: 1 … {MAX_GRAMMAR_BYTES}.",
                    f"{self.kind} 有 {num_bytes} 字节，允许：1 … {MAX_GRAMMAR_BYTES}。",
                )
            )


@dataclass(frozen=True)
class Sampling:
    """How to draw the next token. Names and meanings are those of vLLM and OpenAI; 0 or -1 switch `top_k` off.

    `temperature` 0 is greedy. `seed` None draws a fresh one per request. `max_tokens` None fills the rest of the context.
    `stop_ids` end the answer; the id that ended it is the last one delivered. With a `grammar` it ends where the grammar
    does, by a stop id where there is one; `min_tokens` and `ignore_eos` cannot hold it back.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    stop_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    logprobs: bool = False
    grammar: Grammar | None = None

    def __post_init__(self):
        """Raises UsageError naming the field."""
        if self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise UsageError(
                tr(
                    f"min_tokens is {self.min_tokens}, more than max_tokens, which is {self.max_tokens}.",
                    f"min_tokens 为 {self.min_tokens}，大于 max_tokens（{self.max_tokens}）。",
                )
            )
        for field in fields(self):
            if field.name in BOUNDS:
                check_bound(field.name, getattr(self, field.name))


def check_bound(name: str, value) -> None:
    """Raises UsageError where a setting is outside `BOUNDS`. None is a setting that is left open."""
    if value is not None and not BOUNDS[name].holds(value):
        raise UsageError(
            tr(f"{name} is {value!r}; allowed: {BOUNDS[name]}.", f"{name} 为 {value!r}，允许的范围：{BOUNDS[name]}。")
        )


@dataclass(frozen=True)
class Chunk:
    """New tokens of one request. `logprobs` (natural log, before temperature and penalties) fit `ids` one to one.

    `finish` is None while the request runs, then `stop`, `length` or `cancelled`. The last chunk may hold no ids.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    finish: str | None = None


@dataclass(frozen=True)
class EngineInfo:
    """What was loaded. `precision` is that of the weights (`bf16`, `int8`, …)."""

    engine: str
    device: str
    precision: str
    vocab_size: int
    num_context_tokens: int


class Generation(ABC):
    """One running request: iterate it for its chunks; the last one has `finish`.

    Raises EngineError from the iteration when the engine died under it.
    """

    num_prompt_tokens: int

    @abstractmethod
    def __iter__(self) -> Iterator[Chunk]: ...

    @abstractmethod
    def cancel(self) -> None:
        """Stop it soon; the iteration ends with `cancelled`. May be called from another thread, and twice."""

    def listen(self, hear: Callable[[Chunk | EngineError], None]) -> None:
        """Instead of iterating: `hear` is called from another thread with each chunk, or with the EngineError that ended it."""
        threading.Thread(target=self._tell, args=(hear,), name="zhinao-generation", daemon=True).start()

    def _tell(self, hear: Callable[[Chunk | EngineError], None]) -> None:
        try:
            for chunk in self:
                hear(chunk)
        except EngineError as error:
            hear(error)


class Engine(ABC):
    """Loaded weights. Usable as a context manager; `close` may be called twice."""

    info: EngineInfo

    @abstractmethod
    def generate(self, prompt_ids: list[int], sampling: Sampling) -> Generation:
        """Start a request. Raises UsageError or ContextLengthError before anything runs."""

    @abstractmethod
    def score(self, prompt_ids: list[int], is_left: Callable[[], bool] = lambda: False) -> list[float]:
        """Natural-log likelihood of each token of the prompt given those before it.

        `is_left` is asked now and then, where an engine can: once it is true, nobody waits for the answer any more (EngineError).

        Returns `len(prompt_ids) - 1` numbers: the first token has nothing before it.
        """

    def score_many(
        self, requests: Sequence[tuple[Sequence[int], int]], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[int, tuple[float, ...], tuple[bool, ...] | None]]:
        """For requests `(ids, start)`, `start` ≥ 1: natural-log likelihood of each of `ids[start:]` given all before it.

        Gives `(index, log-likelihoods, whether each is the likeliest token)` in any order, each as soon as it is known; None where
        an engine does not know what is likeliest. `progress(tokens done, tokens in all)`.
        Raises UsageError and ContextLengthError that name the request, before anything runs; EngineError.
        """
        self.check_score_many(requests)
        return self._score_each(requests, progress)

    def _score_each(self, requests, progress) -> Iterator[tuple[int, tuple[float, ...], None]]:
        num_all, num_done = sum(len(ids) for ids, _ in requests), 0
        for index, (ids, start) in enumerate(requests):
            yield index, tuple(self.score(list(ids))[start - 1 :]) if len(ids) > start else (), None
            num_done += len(ids)
            if progress:
                progress(num_done, num_all)

    @abstractmethod
    def close(self) -> None: ...

    @property
    def keeps_prompts(self) -> bool:
        """Whether the beginning of a prompt that was read before is not read again."""
        return False

    @property
    def is_ready(self) -> bool:
        """False while weights are being loaded, at the start or after a crash. Requests may be sent all the same."""
        return True

    def revive(self) -> None:  # noqa: B027 (most engines run in this process)
        """Start it again where it has ended; returns at once."""

    @property
    def num_restarts(self) -> int:
        """How often the engine has ended unasked and was started again."""
        return 0

    def wait_until_ready(self, timeout: float | None = None) -> float:
        """Wait until the weights are loaded; the seconds that it took. Raises EngineError where loading failed."""
        return 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def check_prompt(self, prompt_ids: list[int], sampling: Sampling) -> int:
        """The number of tokens that may be generated. Raises UsageError, ContextLengthError."""
        self._check_ids(prompt_ids)
        room = self.info.num_context_tokens - len(prompt_ids)
        if room < 1:
            raise ContextLengthError(len(prompt_ids), self.info.num_context_tokens)
        return min(room, sampling.max_tokens or room)

    def check_grammar(self, grammar: Grammar | None) -> JudgedGrammar | None:
        """Whether the engine can follow it. The first time takes up to seconds: servers call it from a thread of its own.

        Whoever keeps what this returns may be sure that `generate` need not find it out again.
        Raises UsageError that says what is wrong with it. `generate` does the same.
        """
        if grammar:
            name = self.info.engine
            raise UsageError(
                tr(
                    f"The engine {name} cannot follow a {grammar.kind}.",
                    f"引擎 {name} 不支持按 {grammar.kind} 约束输出。",
                ),
                tr("take the engine openvino", "请使用 openvino 引擎"),
            )
        return None

    def judged(self, grammar: Grammar) -> JudgedGrammar | None:
        """The same where it is known already, None where it is not. At once."""
        return None

    def check_score(self, prompt_ids: list[int]) -> None:
        """What `score` may be asked: the prompt may fill the whole context. Raises UsageError, ContextLengthError."""
        self._check_ids(prompt_ids)
        if len(prompt_ids) > self.info.num_context_tokens:
            raise ContextLengthError(len(prompt_ids), self.info.num_context_tokens)

    def check_score_many(self, requests: Sequence[tuple[Sequence[int], int]], num_unread: int = 0) -> None:
        """What `score_many` may be asked. Raises UsageError and ContextLengthError, naming the request by its number from 0.

        `num_unread`: 1 where the last token of a request is asked for only and takes no room in the context.
        """
        for index, (ids, start) in enumerate(requests):
            try:
                self._check_ids(list(ids))
                if len(ids) - num_unread > self.info.num_context_tokens:
                    raise ContextLengthError(len(ids), self.info.num_context_tokens)
            except UsageError as error:
                error.args = (tr(f"Request {index}: {error.message}", f"请求 {index}：{said(error.message)}"),)
                error.message = error.args[0]
                raise
            if not 1 <= start <= len(ids):
                raise UsageError(
                    tr(
                        f"Request {index}: start is {start}; allowed: 1 … {len(ids)}.",
                        f"请求 {index}：start 为 {start}，允许：1 … {len(ids)}。",
                    )
                )

    def _check_ids(self, prompt_ids: list[int]) -> None:
        if not prompt_ids:
            raise UsageError(tr("The prompt is empty.", "提示为空。"))
        vocab = self.info.vocab_size
        if min(prompt_ids) < 0 or max(prompt_ids) >= vocab:  # servers check long prompts in their event loop
            bad = next(i for i in prompt_ids if not 0 <= i < vocab)
            raise UsageError(
                tr(f"Token id {bad} is outside the vocabulary of {vocab}.", f"token id {bad} 超出词表（{vocab}）。")
            )
