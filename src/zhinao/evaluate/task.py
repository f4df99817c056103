"""What a benchmark is: where its items lie, how an item is asked, who grades the answer. Data only; runs nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zhinao.score.grade import Grade

PPL, LETTER, GENERATION, SAMPLES, JUDGED = "ppl", "letter", "generation", "samples", "judged"
MODES = (PPL, LETTER, GENERATION, SAMPLES, JUDGED)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question. `id` is unique in its task and the same in every run ("high_school_physics/12").

    `prompt`: a text as the model reads it, or chat messages ({"role", "content"}) for the model's template. `turns`: what the
    user says after each answer (MT-bench's second turn).
    `choices`: for PPL each label's whole text, prompt included; for LETTER the continuations of `prompt`. `gold` is JSON-able:
    for choices the index of the right one. `facts`: what a grader needs besides (tests, instructions, a checklist).
    """

    id: str
    prompt: str | tuple[dict, ...] = ""
    choices: tuple[str, ...] = ()
    gold: object = None
    subset: str = ""
    turns: tuple[str, ...] = ()
    facts: Mapping = field(default_factory=dict)


class Judging(Protocol):
    """How another model judges an answer: what it is asked, how what it says is read, and what grade follows.

    `retries`: how often it is asked again where its words cannot be read.
    """

    temperature: float
    retries: int

    def messages(self, item: Item, answers: list[str]) -> list[list[dict]]:
        """One chat for each verdict that is wanted; `answers`: one a turn."""

    def parse(self, text: str, item: Item) -> object | None:
        """The verdict, strictly; None where the judge said none."""

    def grade(self, item: Item, verdicts: list[object | None]) -> Grade:
        """Of all verdicts, in the order of `messages`; None is one that could not be read."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row of a table.

    `mode`: PPL: the label whose text has the least negative log-likelihood divided by its number of tokens wins, as OpenCompass
    does it (sum over all tokens but the first, divided by all). LETTER: the continuation that is likeliest in sum. GENERATION:
    greedy, graded by `grade`. SAMPLES: `num_samples` drawn with `sampling`, each graded. JUDGED: generated, then graded by
    another model (`judging`: see `score/judged/`).
    `items(folder)`: reads the files under DATA/`folder` in their original layout. Raises UsageError with file, line and field.
    `protocol`: one line for the reader: which configuration it follows, shots, split. `num_items`: of the whole set.
    `mean`: "items", or "subsets" for the unweighted mean over subsets.
    `variants`: other readings of the same row by name, chosen as NAME@VARIANT.
    `chance`: the score of guessing, None where that means nothing. `scale`: what 1.0 is printed as (100 per cent, 10 for MT-bench).
    """

    name: str
    title: str
    language: str
    protocol: str
    mode: str
    folder: str
    items: Callable[[Path], Iterator[Item]]
    num_items: int
    grade: Callable[[Item, str], Grade] | None = None
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    sampling: Mapping = field(default_factory=dict)
    num_samples: int = 1
    judging: Judging | None = None
    mean: str = "items"
    scale: float = 100.0
    chance: float | None = None
    runs_code: bool = False
    variants: Mapping[str, "Task"] = field(default_factory=dict)
