"""MMLU, test: 57 subjects, letters by PPL after five examples. The original files have no header."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks import _subjects
from zhinao.evaluate.tasks._files import Row, found
from zhinao.evaluate.tasks._shots import LETTERS, options

COLUMNS = ("question", *LETTERS, "answer")


def items(folder: Path) -> Iterator[Item]:
    split = found(folder, "data/test", "test").relative_to(folder)
    files = _subjects.subjects(folder, str(split), "_test.csv")
    return _subjects.items(files, item, lambda subject: found(folder, f"{split.parent}/dev/{subject}_dev.csv"), COLUMNS)


def item(subject: str, shots: list[Row], row: Row, id: str) -> Item:
    """Plain texts, not turns: an example ends with a line's end and is joined by another, so an empty line stands between."""
    # Two spaces stand before the subject in the publisher's tool.
    header = f"The following are multiple choice questions (with answers) about  {subject.replace('_', ' ')}.\n\n"
    examples = "".join(f"{asked(shot)}{LETTERS[shot.one_of('answer', LETTERS)]}\n\n" for shot in shots)
    choices = tuple(f"{header}{examples}{asked(row)}{letter}" for letter in LETTERS)
    return Item(id=id, choices=choices, gold=row.one_of("answer", LETTERS), subset=subject)


def asked(row: Row) -> str:
    return f"{row.text('question')}\n{options(map(row.text, LETTERS))}\nAnswer: "


TASK = Task(
    name="mmlu",
    title="MMLU",
    language="en",
    protocol="OpenCompass mmlu_ppl_ac766d: test, 5-shot from dev, letters by PPL, unweighted mean of 57 subjects",
    mode=PPL,
    folder="mmlu",
    items=items,
    num_items=14042,
    mean="subsets",
    chance=0.25,
)
