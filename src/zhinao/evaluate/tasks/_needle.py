"""A needle in hay: one sentence with a code somewhere in a long text, and the question for it. Hay is made here, by seed.

After the test of G. Kamradt (2023), with sentences of our own. Lengths are by characters, about so many tokens; what does not fit a
model's context is left out when the run is made.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.score.grade import Grade

LENGTHS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
DEPTHS = (0, 25, 50, 75, 100)
SEED = 360
_CODE = re.compile(r"\d{6}")


@dataclass(frozen=True)
class Hay:
    """`parts`: what a sentence is made of, one of each in turn. `needle`: with {place} and {code}; `question`: with {text} and {place},
    ends where the code is to be written. `characters`: about so many a token."""

    language: str
    parts: Sequence[Sequence[str]]
    places: Sequence[str]
    needle: str
    question: str
    characters: float


def items(hay: Hay, folder: Path) -> Iterator[Item]:
    for length in LENGTHS:
        sentences = _sentences(hay, round(length * hay.characters))
        for depth in DEPTHS:
            yield _item(hay, sentences, length, depth)


def _sentences(hay: Hay, num_characters: int) -> list[str]:
    """The same beginning whatever the length."""
    draws, found, num = random.Random(f"{SEED} {hay.language}"), [], 0
    while num < num_characters:
        found.append("".join(draws.choice(part) for part in hay.parts))
        num += len(found[-1])
    return found


def _item(hay: Hay, sentences: list[str], length: int, depth: int) -> Item:
    draws = random.Random(f"{SEED} {hay.language} {length} {depth}")
    place, code = draws.choice(hay.places), str(draws.randrange(100_000, 1_000_000))
    at = len(sentences) * depth // 100
    text = "".join([*sentences[:at], hay.needle.format(place=place, code=code), *sentences[at:]])
    return Item(
        id=f"{length}/{depth}",
        prompt=hay.question.format(text=text, place=place),
        gold=code,
        subset=str(length),
        facts={"must_fit": True},
    )


def grade(item: Item, output: str) -> Grade:
    """The first six digits in a row."""
    found = _CODE.search(output)
    return Grade(float(bool(found) and found[0] == item.gold), found[0] if found else None)


def task(name: str, title: str, hay: Hay) -> Task:
    return Task(
        name=name,
        title=title,
        language=hay.language,
        protocol=f"zhinao's own: a six-digit code in made-up hay (seed {SEED}), about {LENGTHS[0]} to {LENGTHS[-1]} tokens as far as "
        f"they fit the context, at depths of {', '.join(map(str, DEPTHS))} %; text continued, first six digits",
        mode=GENERATION,
        folder="",
        items=partial(items, hay),
        num_items=len(LENGTHS) * len(DEPTHS),
        grade=grade,
        max_tokens=16,
    )
