"""CommonsenseQA, dev: the text of five answers by PPL after eight examples.

The publisher's tool picks the examples for each question with two helper models (neighbours by all-mpnet-base-v2, the draw with
the lowest entropy under gpt2-xl). Here they are the first eight of train for every question: a substitute, and said to be one.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines
from zhinao.evaluate.tasks._shots import joined, labelled
from zhinao.lang import tr

NUM_SHOTS = 8


def items(folder: Path) -> Iterator[Item]:
    shots = examples(found(folder, "train_rand_split.jsonl"))
    for row in json_lines(found(folder, "dev_rand_split.jsonl")):
        yield labelled(row.text("id"), asked(row), texts(row), gold(row), shots)


def examples(file: Path) -> list[str]:
    shots = [joined(asked(row), texts(row)[gold(row)]) for row in islice(json_lines(file), NUM_SHOTS)]
    if len(shots) < NUM_SHOTS:
        raise UsageError(
            tr(
                f"{file} has {len(shots)} lines; {NUM_SHOTS} are needed.",
                f"{file} 只有 {len(shots)} 行，需要 {NUM_SHOTS} 行。",
            )
        )
    return shots


def asked(row: Row) -> str:
    return f"Question: {row.row('question').text('stem')}\nAnswer: "


def texts(row: Row) -> list[str]:
    choices = row.row("question").rows("choices")
    if len(choices) != 5:
        raise row.wrong(
            "question.choices", tr(f"has {len(choices)} entries, not 5", f"有 {len(choices)} 个元素，而不是 5 个")
        )
    return [choice.text("text") for choice in choices]


def gold(row: Row) -> int:
    return row.one_of("answerKey", "ABCDE")


TASK = Task(
    name="commonsense-qa",
    title="commonsense_qa",
    language="en",
    protocol="after OpenCompass commonsenseqa_ppl_5545e2: dev, answer texts by PPL; NOT its examples: the first 8 of train for "
    "every question instead of 8 neighbours of each (those need two further models)",
    mode=PPL,
    folder="commonsenseqa",
    items=items,
    num_items=1221,
    chance=0.2,
)
