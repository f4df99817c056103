"""What every backend does: likelihoods of texts, answers to prompts. Data and the interface only."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zhinao.errors import UsageError, ZhinaoError


class RefusedError(UsageError):
    """A server refuses this one question (too long, a form that it does not know); others it may answer."""


@dataclass(frozen=True)
class Text:
    """A text whose likelihood is asked; `given`: how much of its beginning (characters) is only read. 0: all but the first token."""

    text: str
    given: int = 0


@dataclass(frozen=True)
class Ask:
    """`prompt`: a text to go on with, or messages for the chat template. `sampling`: names of `engine.base.Sampling`."""

    prompt: str | tuple[Mapping, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    sampling: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """An answer; `reasoning` is its thought where the backend tells them apart. `finish_reason`: "stop" or "length".

    `is_thought_open`: the thought came to no end; there is no answer.
    """

    text: str
    num_tokens: int
    finish_reason: str
    reasoning: str | None = None
    is_thought_open: bool = False

    @property
    def whole(self) -> str:
        """As the model wrote it: graders look for `</think>` themselves."""
        if self.reasoning is None:
            return self.text
        end = "" if self.is_thought_open else f"\n</think>\n{self.text}"
        return f"<think>\n{self.reasoning}{end}"


class Backend(ABC):
    """A loaded model, or servers of one. `identity`: what decides its answers; two runs can be compared where it is equal."""

    name: str
    identity: dict

    @abstractmethod
    def loglikelihoods(self, texts: Sequence[Text]) -> Iterator[tuple[int, tuple[float, ...] | ZhinaoError]]:
        """Natural-log likelihood of each token of a text behind what is given, in any order; an error where a text alone is at fault.

        Of a text of which nothing is given the first token has none. Raises EngineError where nothing more can come.
        """

    @abstractmethod
    def generate(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Output | ZhinaoError]]:
        """Answers in any order, as they come; an error where an ask alone is at fault. Closing the iterator gives up the rest."""

    def num_tokens(self, text: str) -> int:
        """For an estimate before a run; a backend without a tokenizer counts three characters for one."""
        return len(text) // 3

    def close(self) -> None:  # noqa: B027 (servers are nobody's to close)
        """May be called twice."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
