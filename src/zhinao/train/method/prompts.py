"""Prompts with their known answers, for reinforcement learning: read from any container, rendered, as token ids. Needs no torch."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zhinao.data.read import containers
from zhinao.data.read.containers.stream import opened
from zhinao.data.read.read import Found
from zhinao.data.read.sources import expand
from zhinao.data.sample import DataError, Fault, Place
from zhinao.errors import UsageError
from zhinao.family import THINK_OPEN
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt.conversation import render

PROMPTS, GOLDS = ("messages", "prompt", "problem", "question"), ("gold", "answer")  # the first that is there counts


@dataclass(frozen=True)
class Prompt:
    """`text` is what a person asked (the last message), `ids` what the model reads; `gold` is the known answer, may be empty."""

    text: str
    ids: list[int]
    gold: str
    is_thought_open: bool
    place: str


@dataclass(frozen=True)
class Prompts:
    """All that fit, in the order of the data; `num_overlong` did not."""

    prompts: list[Prompt]
    found: list[Found]
    num_overlong: int

    @property
    def key(self) -> str:
        """A hash of all that is asked and known."""
        rows = [[one.ids, one.gold, one.is_thought_open] for one in self.prompts]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def read(paths, tokenizer_folder: Path, *, max_tokens: int, opens_thought: bool, needs_gold: bool) -> Prompts:
    """Prompts longer than `max_tokens` are left out and counted. Raises DataError with file and line for what is no prompt."""
    tokenizer = Tokenizer.load(tokenizer_folder)
    prompts, found, num_overlong = [], [], 0
    for place, record in _records(paths, found):
        one = _prompt(place, record, tokenizer, opens_thought, needs_gold)
        if len(one.ids) > max_tokens:
            num_overlong += 1
        else:
            prompts.append(one)
    if not prompts:
        raise DataError(tr("No prompt fits.", "没有放得下的题目。"), "--model_max_length …")
    return Prompts(prompts, found, num_overlong)


def _records(paths, found: list[Found]) -> Iterator[tuple[Place, dict]]:
    for file in expand(paths).files:
        with opened(file) as stream:
            kind = Found(file, containers.container_of(stream), stream.is_gzip, "prompts")
            found.append(kind)
            for item in containers.records(stream, kind.container):
                if isinstance(item, Fault):
                    raise DataError(str(item))
                kind.num_samples += 1
                yield item


def _prompt(place: Place, record: dict, tokenizer: Tokenizer, opens_thought: bool, needs_gold: bool) -> Prompt:
    asked = next((record[name] for name in PROMPTS if record.get(name)), None)
    if asked is None:
        names = ", ".join(PROMPTS)
        raise DataError(tr(f"{place}: holds no prompt ({names}).", f"{place}：没有题目（{names}）。"))
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    gold = next((record[name] for name in GOLDS if record.get(name) not in (None, "")), "")
    if needs_gold and gold == "":
        raise DataError(
            tr(
                f"{place}: holds no known answer ({', '.join(GOLDS)}).",
                f"{place}：没有参考答案（{'、'.join(GOLDS)}）。",
            )
        )
    try:
        rendered = render(messages, tokenizer)
    except UsageError as error:
        raise DataError(f"{place}: {error}") from None
    ids, is_open = rendered.ids, rendered.opens_thought
    if opens_thought and not is_open:
        ids, is_open = [*ids, *tokenizer.encode(f"{THINK_OPEN}\n", control=True)], True
    return Prompt(
        messages[-1]["content"], ids, gold if isinstance(gold, str) else json.dumps(gold), is_open, str(place)
    )
