"""WiC, SuperGLUE's val: two whole statements compared by PPL."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines

# The misspelling is part of the prompt.
STATEMENTS = ("are different.", "are the same.")


def items(folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_lines(found(folder, "val.jsonl"))):
        before = f"Sentence 1: {row.text('sentence1')}\nSentence 2: {row.text('sentence2')}\n'{row.text('word')}'"
        choices = tuple(f"{before} in the above two sentenses {statement}" for statement in STATEMENTS)
        yield Item(id=str(index), choices=choices, gold=row.one_of("label", ["false", "true"]))


TASK = Task(
    name="wic",
    title="WiC",
    language="en",
    protocol="OpenCompass SuperGLUE_WiC_ppl_312de9: val, 0-shot, two statements by PPL",
    mode=PPL,
    folder="wic",
    items=items,
    num_items=638,
    chance=0.5,
)
