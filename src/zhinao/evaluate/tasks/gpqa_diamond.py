"""GPQA Diamond: 198 questions by experts, four options each.

In Light-R1's file the right option is always A. Here the options are shuffled, by a seed and the question's id; `as-shipped` keeps
the right one first, for comparing with numbers that were made so and for nothing else.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import Item
from zhinao.evaluate.tasks._files import found, parquet, table
from zhinao.evaluate.tasks._shots import LETTERS, options
from zhinao.evaluate.tasks._thinking import PROTOCOL, asked, task

RIGHT = "Correct Answer"
FIELDS = (RIGHT, "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
INSTRUCTION = "Please reason step-by-step and put your choice letter without any other text with \\boxed{} in the end."
SEED = 0


def items(is_shuffled: bool, folder: Path) -> Iterator[Item]:
    """The published table, whose columns have these names."""
    file = found(folder, "gpqa_diamond.csv", "gpqa_diamond.parquet")
    for index, row in enumerate(parquet(file) if file.suffix == ".parquet" else table(file)):
        texts = {field: row.text(field).strip() for field in FIELDS}
        order, id = list(FIELDS), row.values.get("Record ID") or str(index)
        if is_shuffled:
            random.Random(f"{SEED}/{id}").shuffle(order)
        shown = options(texts[field] for field in order)
        prompt = asked(f"{row.text('Question').strip()}\n\n{shown}\n\n{INSTRUCTION}")
        yield Item(id=id, prompt=prompt, gold=LETTERS[order.index(RIGHT)])


TASK = task(
    "gpqa-diamond",
    "GPQA Diamond",
    partial(items, True),
    198,
    folder="gpqa",
    chance=0.25,
    protocol=f"{PROTOCOL}; options shuffled with seed {SEED}",
)
SHIPPED = replace(
    TASK,
    items=partial(items, False),
    protocol=f"{PROTOCOL}; NOT COMPARABLE: the right option is always A, a model that always says A gets 100",
    chance=None,
)
TASK = replace(TASK, variants={"shuffled": TASK, "as-shipped": SHIPPED})
