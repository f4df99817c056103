"""BoolQ, SuperGLUE's val: yes or no to a question on a passage, by PPL."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines
from zhinao.evaluate.tasks._shots import labelled


def items(item, folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_lines(found(folder, "val.jsonl"))):
        yield item(str(index), row)


def cut(id: str, row: Row) -> Item:
    """The passage behind its title (nothing is left of one without), the question with a capital."""
    passage, question = row.text("passage").partition(" -- ")[2], row.text("question")
    asked = f"Passage: {passage}\nQuestion: {question[:1].upper()}{question[1:]}?"
    return labelled(id, asked, ("Answer: No", "Answer: Yes"), gold(row))


def whole(id: str, row: Row) -> Item:
    return labelled(id, f"{row.text('passage')}\nQuestion: {row.text('question')}?", ("No", "Yes"), gold(row))


def gold(row: Row) -> int:
    """The file says true or "true": both forms are about."""
    return row.one_of("label", [False, True] if isinstance(row.value("label"), bool) else ["false", "true"])


TASK = Task(
    name="boolq",
    title="BoolQ",
    language="en",
    protocol="OpenCompass SuperGLUE_BoolQ_ppl_314797: val, 0-shot, passage without its title, Answer: No/Yes by PPL",
    mode=PPL,
    folder="boolq",
    items=partial(items, cut),
    num_items=3270,
    chance=0.5,
)
WHOLE = replace(
    TASK,
    protocol="OpenCompass SuperGLUE_BoolQ_ppl_314b96: val, 0-shot, whole passage, No/Yes by PPL",
    items=partial(items, whole),
)
TASK = replace(TASK, variants={"ppl_314797": TASK, "ppl_314b96": WHOLE})
