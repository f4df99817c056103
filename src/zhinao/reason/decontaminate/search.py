"""A stream over training data, each prompt looked up; what is no benchmark's goes into a clean copy as it came."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zhinao import files
from zhinao.data.commands.output import writing
from zhinao.reason.decontaminate import prompts
from zhinao.reason.decontaminate.index import Hit, Index


@dataclass(frozen=True, slots=True)
class Found:
    """A record whose prompt is a benchmark's question. `turn`: which of its prompts, from 1."""

    place: str
    turn: int
    text: str
    hit: Hit


@dataclass
class Outcome:
    """`files`: path -> (SHA-256, records). `clean`: the same of the copy, where one was written."""

    found: list[Found] = field(default_factory=list)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    num_prompts: int = 0
    clean: tuple[str, str, int] | None = None

    @property
    def by_benchmark(self) -> dict[str, Counter]:
        counts: dict[str, Counter] = {}
        for one in self.found:
            counts.setdefault(one.hit.question.benchmark, Counter())[one.hit.how] += 1
        return counts


def search(sources: Sequence[str], index: Index, clean: Path | None = None, format: str | None = None) -> Outcome:
    """Raises DataError with the place of what cannot be read, DiskError; the clean copy is whole or absent."""
    outcome, num_clean = Outcome(), 0
    with writing(clean) if clean else contextlib.nullcontext(_nowhere) as write:
        for file in prompts.files(sources):
            num = 0
            for num, one in enumerate(prompts.read(file, format), 1):  # noqa: B007 (the last one is their number)
                if hit := _first(one, index, outcome):
                    outcome.found.append(hit)
                else:
                    num_clean += 1
                    write(one.record)
            outcome.files[str(file)] = files.sha256(file), num
    if clean:
        outcome.clean = str(clean), files.sha256(clean), num_clean
    return outcome


def _first(one: prompts.Prompts, index: Index, outcome: Outcome) -> Found | None:
    outcome.num_prompts += len(one.texts)
    for turn, text in enumerate(one.texts, 1):
        if hit := index.find(text):
            return Found(str(one.place), turn, text, hit)
    return None


def _nowhere(record: dict) -> None:
    pass
