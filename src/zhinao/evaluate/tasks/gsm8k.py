"""GSM8K, test: school arithmetic, four worked examples, the last number of the answer."""

import re
from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks import _worked
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.lang import tr
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_lines(found(folder, "test.jsonl"))):
        _, mark, number = row.text("answer").partition("#### ")
        if not mark:
            raise row.wrong("answer", tr('has no "#### "', "没有“#### ”"))
        prompt = f"{_worked.GSM8K}Question: {row.text('question')}\nLet's think step by step\nAnswer:"
        yield Item(id=str(index), prompt=prompt, gold=number.replace(",", ""))


def grade(item: Item, output: str) -> Grade:
    """What follows a further question is not the answer. "1,199" ends in the number 199: the tool knows no thousands."""
    number = (re.findall(r"-?\d+\.\d+|-?\d+", output.split("Question:")[0]) or [None])[-1]
    return Grade(float(number is not None and is_equal(number, item.gold)), number)


def is_equal(number: str, gold: str) -> bool:
    return number == gold or abs(float(number) - float(gold)) < 1e-6


TASK = Task(
    name="gsm8k",
    title="gsm8k",
    language="en",
    protocol="OpenCompass gsm8k_gen_1d7fe4: test, 4-shot chain of thought, 512 new tokens, last number before a next question",
    mode=GENERATION,
    folder="gsm8k",
    items=items,
    num_items=1319,
    grade=grade,
    max_tokens=512,
)
