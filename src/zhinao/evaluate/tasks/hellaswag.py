"""HellaSwag, validation: which of four endings, by PPL of context and ending together."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines, lines
from zhinao.evaluate.tasks._shots import labelled
from zhinao.lang import tr

# As the publisher's tool has it ("query"), as first published, a part of that, and a plain text of six lines an item, whose contexts
# lack the capital at the start of their second half: the last choice.
FILES = ("hellaswag.jsonl", "hellaswag_val.jsonl", "rubriks_cube/hellaswag.jsonl", "klosax/hellaswag_val_full.txt")


def items(item, folder: Path) -> Iterator[Item]:
    file = found(folder, *FILES)
    rows = of_text(file) if file.suffix == ".txt" else map(of_row, json_lines(file))
    for index, (query, endings, gold) in enumerate(rows):
        yield item(str(index), query, endings, gold)


def of_row(row: Row) -> tuple[str, list[str], int]:
    if "activity_label" not in row.values:
        return row.text("query"), row.texts("choices", 4), row.one_of("gold", range(4))
    context = f"{row.text('ctx_a')} {row.text('ctx_b').capitalize()}"
    endings = [cleaned(text) for text in row.texts("endings", 4)]
    return cleaned(f"{row.text('activity_label')}: {context}"), endings, row.one_of("label", range(4))


def cleaned(text: str) -> str:
    """Without the marks that WikiHow's articles left."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def of_text(file: Path) -> Iterator[tuple[str, list[str], int]]:
    """Six lines an item: the query, the right ending's index, four endings."""
    numbered = iter(lines(file))
    for line, query in numbered:
        rest = [text for _, (_, text) in zip(range(5), numbered, strict=False)]
        if len(rest) < 5 or rest[0] not in list("0123"):
            raise UsageError(
                tr(
                    f"{file}, line {line}: not an item of six lines (query, index 0-3, four endings)",
                    f"{file} 第 {line} 行：不是六行一题（问题、0-3 的序号、四个结尾）",
                )
            )
        yield query, rest[1:], int(rest[0])


def parted(id: str, query: str, endings: list[str], gold: int) -> Item:
    """Without what stands before ": ", twice at most: the activity, and of a context that has ": " itself more than that."""
    return labelled(id, query.split(": ", 2)[-1], endings, gold)


def whole(id: str, query: str, endings: list[str], gold: int) -> Item:
    return Item(id=id, choices=tuple(f"{query} {ending}" for ending in endings), gold=gold)


TASK = Task(
    name="hellaswag",
    title="hellaswag",
    language="en",
    protocol="OpenCompass hellaswag_ppl_47bff9: val, 0-shot, context and ending on two lines by PPL",
    mode=PPL,
    folder="hellaswag",
    items=partial(items, parted),
    num_items=10042,
    chance=0.25,
)
WHOLE = replace(
    TASK,
    protocol="OpenCompass hellaswag_ppl_a6e128: val, 0-shot, activity, context and ending on one line by PPL",
    items=partial(items, whole),
)
TASK = replace(TASK, variants={"ppl_47bff9": TASK, "ppl_a6e128": WHOLE})
