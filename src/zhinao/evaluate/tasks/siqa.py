"""Social IQa, dev: one of three answers; the right ones stand in a file of their own."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines, lines
from zhinao.evaluate.tasks._shots import labelled, options
from zhinao.lang import tr
from zhinao.score.grade import Grade

LETTERS = "ABC"


def items(item, folder: Path) -> Iterator[Item]:
    file, answers = found(folder, "dev.jsonl"), found(folder, "dev-labels.lst")
    numbered = ((line, text.strip()) for line, text in lines(answers) if text.strip())
    for index, (row, label) in enumerate(zip_longest(json_lines(file), numbered)):
        if row is None or label is None:
            raise UsageError(tr(f"{file} and {answers} differ in length.", f"{file} 与 {answers} 的行数不同。"))
        gold = Row({"label": label[1]}, answers, label[0]).one_of("label", "123")
        yield item(str(index), row, [row.text(f"answer{letter}") for letter in LETTERS], gold)


def lettered(id: str, row: Row, texts: list[str], gold: int) -> Item:
    return labelled(id, f"{asked(row)}\n{options(texts)}", [f"Answer: {letter}" for letter in LETTERS], gold)


def continued(id: str, row: Row, texts: list[str], gold: int) -> Item:
    return labelled(id, f"{asked(row)}\nAnswer:", texts, gold)


def generated(id: str, row: Row, texts: list[str], gold: int) -> Item:
    return Item(id=id, prompt=f"{asked(row)}\n{options(texts)}\nAnswer:", gold=LETTERS[gold])


def asked(row: Row) -> str:
    return f"{row.text('context')}\nQuestion: {row.text('question')}"


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.choices import first_option

    chosen = first_option(output, LETTERS)
    return Grade(float(chosen == item.gold), chosen)


TASK = Task(
    name="siqa",
    title="siqa",
    language="en",
    protocol="OpenCompass siqa_ppl_e8d8c5: dev, 0-shot, letters by PPL",
    mode=PPL,
    folder="siqa",
    items=partial(items, lettered),
    num_items=1954,
    chance=1 / 3,
)
CONTINUED = replace(
    TASK, protocol="OpenCompass siqa_ppl_ced5f6: dev, 0-shot, answer texts by PPL", items=partial(items, continued)
)
GENERATED = replace(
    TASK,
    protocol="OpenCompass siqa_gen_18632c: dev, 0-shot, letter generated, first option in the output",
    mode=GENERATION,
    items=partial(items, generated),
    grade=grade,
)
TASK = replace(TASK, variants={"ppl_e8d8c5": TASK, "ppl_ced5f6": CONTINUED, "gen_18632c": GENERATED})
