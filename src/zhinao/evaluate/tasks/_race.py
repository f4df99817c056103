"""RACE's two halves: same format, same prompts, other files."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines
from zhinao.evaluate.tasks._shots import LETTERS, labelled, options

INSTRUCTION = "Read the article, and answer the question by replying A, B, C or D."


def items(part: str, item, folder: Path) -> Iterator[Item]:
    """`part`: middle or high; a file of both is told apart by the name of each article."""
    file = found(folder, f"test/{part}.jsonl", "rubriks_cube/race.jsonl")
    rows = (row for row in json_lines(file) if row.text("example_id").startswith(part))
    for index, row in enumerate(rows):
        yield item(str(index), row, row.texts("options", 4), row.one_of("answer", LETTERS))


def plain(id: str, row: Row, texts: list[str], gold: int) -> Item:
    asked = f"Article:\n{row.text('article')}\nQuestion:\n{row.text('question')}\n{options(texts)}"
    return labelled(id, asked, [f"Answer: {letter}" for letter in LETTERS], gold)


def instructed(id: str, row: Row, texts: list[str], gold: int) -> Item:
    asked = f"{INSTRUCTION}\n\nArticle:\n{row.text('article')}\n\nQ: {row.text('question')}\n\n{options(texts)}"
    return labelled(id, asked, [f"A: {letter}" for letter in LETTERS], gold)


def task(part: str, num_items: int) -> Task:
    made = Task(
        name=f"race-{part}",
        title=f"race-{part}",
        language="en",
        protocol="OpenCompass race_ppl_5831a0: test, 0-shot, letters by PPL",
        mode=PPL,
        folder="race",
        items=partial(items, part, plain),
        num_items=num_items,
        chance=0.25,
    )
    other = replace(
        made,
        protocol="OpenCompass race_ppl_a138cd: test, 0-shot with an instruction, letters by PPL",
        items=partial(items, part, instructed),
    )
    return replace(made, variants={"ppl_5831a0": made, "ppl_a138cd": other})
