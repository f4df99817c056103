"""CMMLU, test: 67 subjects, letters by PPL after five examples."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks import _subjects
from zhinao.evaluate.tasks._files import Row, found
from zhinao.evaluate.tasks._shots import LETTERS, joined, labelled, options
from zhinao.evaluate.tasks._titles import CMMLU


def items(folder: Path) -> Iterator[Item]:
    files = _subjects.subjects(folder, "test", ".csv")
    return _subjects.items(files, item, lambda subject: found(folder, f"dev/{subject}.csv"))


def item(subject: str, shots: list[Row], row: Row, id: str) -> Item:
    labels = [f"答案是: {letter}" for letter in LETTERS]
    examples = [joined(asked(subject, shot), labels[shot.one_of("Answer", LETTERS)]) for shot in shots]
    return labelled(id, asked(subject, row), labels, row.one_of("Answer", LETTERS), examples, subject)


def asked(subject: str, row: Row) -> str:
    title = _subjects.title_of(subject, CMMLU, row.file)
    header = f"以下是关于{title}的单项选择题，请直接给出正确答案的选项。"
    return f"{header}\n题目：{row.text('Question')}\n{options(map(row.text, LETTERS))}"


TASK = Task(
    name="cmmlu",
    title="CMMLU",
    language="zh",
    protocol="OpenCompass cmmlu_ppl_8b9c76: test, 5-shot from dev, letters by PPL, unweighted mean of 67 subjects",
    mode=PPL,
    folder="cmmlu",
    items=items,
    num_items=11582,
    mean="subsets",
    chance=0.25,
)
