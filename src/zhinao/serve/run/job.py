"""A request that was understood: prompts, settings, and who writes its answer. Runs nothing."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from zhinao.api.model import Model
from zhinao.api.options import Options
from zhinao.api.reply import Event, Reply
from zhinao.serve.run.live_answer import LiveAnswer

_PREFIXES = {"chat.completion": "chatcmpl", "text_completion": "cmpl"}


@dataclass(frozen=True)
class Prompt:
    """`how` goes to ReplyState; `text` is for the log."""

    ids: list[int]
    how: dict
    text: str


class Writer(ABC):
    """Turns what happens to one job into OpenAI's objects. `index` counts choices. One object for one request."""

    async def prepare(self, score: Callable[[list[int]], Awaitable[list[float]]]) -> None:  # noqa: B027 (most need nothing)
        """What takes time and must be there before the first chunk. `score` is the engine's, in turn with other clients."""

    @abstractmethod
    def start(self, index: int, live: LiveAnswer, job: "Job", model: Model) -> list[dict]:
        """Choices of the first chunk."""

    @abstractmethod
    def events(self, index: int, events: list[Event]) -> list[dict]:
        """Choices of the chunks that events make."""

    @abstractmethod
    def end(self, index: int, reply: Reply, live: LiveAnswer) -> list[dict]:
        """Choices of the last chunks, `finish_reason` in the last of them."""

    @abstractmethod
    def whole(self, index: int, reply: Reply, live: LiveAnswer) -> dict:
        """The choice of an answer that is not streamed."""


@dataclass
class Job:
    """`kind` is the `object` of the answer. Choices count up over prompts first, then over `n`."""

    kind: str
    model: str
    prompts: list[Prompt]
    options: Options
    n: int
    writer: Writer
    is_stream: bool
    has_usage: bool
    has_running_usage: bool = False  # in every chunk
    user: str | None = None
    is_empty: bool = False  # nothing is to be generated
    id: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self):
        self.id = self.id or f"{_PREFIXES[self.kind]}-{uuid.uuid4().hex}"

    @property
    def num_answers(self) -> int:
        return len(self.prompts) * self.n

    @property
    def num_prompt_tokens(self) -> int:
        return sum(len(prompt.ids) for prompt in self.prompts)

    def chunk(self, choice: dict | None, **more) -> dict:
        """One chunk of a stream; `choice` None: none in it."""
        kind = "chat.completion.chunk" if self.kind == "chat.completion" else self.kind
        choices = [] if choice is None else [choice]
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **({"usage": None} if self.has_usage else {}),
            **more,
        }

    def answer(self, choices: list[dict], replies: list[Reply]) -> dict:
        """The answer that is not streamed."""
        return {
            "id": self.id,
            "object": self.kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": self.usage(replies),
            "timings": timings(replies),
        }

    def usage(self, replies: list[Reply]) -> dict:
        """Tokens of the whole request; a prompt counts once, however many answers it has."""
        reasoning = sum(reply.usage.reasoning_tokens for reply in replies)
        counted = self.running_usage(sum(reply.usage.completion_tokens for reply in replies))
        return {**counted, "completion_tokens_details": {"reasoning_tokens": reasoning}}

    def running_usage(self, num_tokens: int) -> dict:
        """The same after so many tokens of answers; which of them are a thought is told at the end."""
        prompt = self.num_prompt_tokens
        return {"prompt_tokens": prompt, "completion_tokens": num_tokens, "total_tokens": prompt + num_tokens}


def timings(replies: list[Reply]) -> dict:
    """Seconds of the first answer's token, of the slowest answer, and tokens a second over all of them."""
    if not replies:
        return {}
    seconds = max(reply.seconds for reply in replies)
    tokens = sum(len(reply.ids) for reply in replies)
    return {
        "first_token_seconds": round(min(reply.first_token_seconds for reply in replies), 4),
        "thought_seconds": round(max(reply.thought_seconds for reply in replies), 4),
        "seconds": round(seconds, 4),
        "tokens_per_second": round(tokens / seconds, 2) if seconds > 0 else 0.0,
    }


def nth(chosen: Options, n: int) -> Options:
    """Settings of the n-th of several answers: the seeds count up, so that answers differ and can be had again."""
    seed = chosen.sampling.seed
    if n == 0 or seed is None:
        return chosen
    return replace(chosen, sampling=replace(chosen.sampling, seed=(seed + n) % 2**63))
