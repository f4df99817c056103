"""LAMBADA, the OpenAI variant: the last word of a passage, generated."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_lines(found(folder, "test.jsonl"))):
        prompt = f"Please complete the following sentence:\n{row.text('prompt')}"
        yield Item(id=str(index), prompt=prompt, gold=row.text("label"))


def grade(item: Item, output: str) -> Grade:
    """The first word, cut at the first ASCII punctuation mark; case counts."""
    from zhinao.score.text import first_word, general_postprocess

    word = general_postprocess(first_word(output))
    return Grade(float(word == general_postprocess(item.gold)), word)


TASK = Task(
    name="lambada",
    title="lambada",
    language="en",
    protocol="OpenCompass lambada_gen_217e11: test (OpenAI's text), 0-shot, first word of 5 new tokens",
    mode=GENERATION,
    folder="lambada",
    items=items,
    num_items=5153,
    grade=grade,
    max_tokens=5,
)
