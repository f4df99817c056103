"""What a request gives back. Data only."""

import math
from dataclasses import dataclass

from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT

NOTE = "note"  # a sentence of ours for people, not of the model: why a thought was closed
KINDS = (THOUGHT, ANSWER, RECLASSIFY, NOTE)

# how a thought ended (`Reply.thought_end`)
CLOSED, BUDGET, LOOP, ANSWER_NOW, UNFINISHED = "closed", "budget", "loop", "answer_now", "unfinished"


@dataclass(frozen=True)
class Event:
    """A piece of a reply under way. `kind` is one of KINDS; `reclassify`: all answer text so far was the thought."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Usage:
    """Tokens. `completion_tokens` include the thought's (`reasoning_tokens`) and a closing that was put in."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Reply:
    """`content` is the answer, `reasoning_content` the thought (None where there was none).

    `finish_reason`: `stop`, `length` or `cancelled`. `thought_end`: `closed` by the model, or by `budget`, `loop` or
    `answer_now`; `unfinished` where the length ended it (the answer is then empty); None without a thought.
    `ids` are all new tokens; `logprobs` fit them where asked for. Times are seconds.
    """

    content: str
    reasoning_content: str | None
    finish_reason: str
    thought_end: str | None
    usage: Usage
    ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    seconds: float
    first_token_seconds: float
    thought_seconds: float

    @property
    def text(self) -> str:
        return self.content

    @property
    def reasoning(self) -> str | None:
        """The thought, under its newer name."""
        return self.reasoning_content

    @property
    def message(self) -> dict:
        """The assistant's message, to be appended to the conversation."""
        thought = {"reasoning_content": self.reasoning_content} if self.reasoning_content else {}
        return {"role": "assistant", "content": self.content, **thought}

    @property
    def tokens_per_second(self) -> float:
        """Speed of decoding, without the time to the first token; 0 where fewer than two tokens came."""
        spent = self.seconds - self.first_token_seconds
        return (len(self.ids) - 1) / spent if len(self.ids) > 1 and spent > 0 else 0.0


@dataclass(frozen=True)
class Score:
    """Natural-log likelihoods of a text; `logprobs[n]` belongs to `ids[n + 1]`, as the first id has nothing before it."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]

    @property
    def total(self) -> float:
        return math.fsum(self.logprobs)

    @property
    def perplexity(self) -> float:
        return math.exp(-self.total / max(len(self.logprobs), 1))
