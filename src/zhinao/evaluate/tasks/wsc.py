"""WSC, SuperGLUE's val: the text as it is against the text with the pronoun replaced."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_lines
from zhinao.evaluate.tasks._shots import labelled
from zhinao.lang import tr


def items(item, folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_lines(found(folder, "val.jsonl"))):
        target = row.row("target")
        yield item(str(index), row, target, place(target, "span1", row), place(target, "span2", row))


def place(target: Row, span: str, row: Row) -> slice:
    """Of the span among the words that single spaces part."""
    start, length = target.value(f"{span}_index"), len(target.text(f"{span}_text").split(" "))
    if not isinstance(start, int) or not 0 <= start <= len(row.text("text").split(" ")) - length:
        raise target.wrong(f"{span}_index", tr("points outside the text", "超出文本范围"))
    return slice(start, start + length)


def replaced(id: str, row: Row, target: Row, first: slice, second: slice) -> Item:
    words = row.text("text").split(" ")
    words[second.start] = target.text("span1_text")
    return Item(id=id, choices=(row.text("text"), " ".join(words)), gold=row.one_of("label", ["false", "true"]))


def lettered(id: str, row: Row, target: Row, first: slice, second: slice) -> Item:
    words, (span1, span2) = row.text("text").split(" "), map(target.text, ("span1_text", "span2_text"))
    marked = [(second, f"# {span2} #"), (first, f"* {span1} *")]
    for span, text in sorted(marked, key=lambda pair: pair[0].start, reverse=True):
        words[span] = [text]
    asked = f"Passage: {' '.join(words)}\nDoes the pronoun # {span2} # refer to * {span1} *?\nA. Yes\nB. No\nAnswer: "
    return labelled(id, asked, "AB", row.one_of("label", ["true", "false"]))


TASK = Task(
    name="wsc",
    title="WSC",
    language="en",
    protocol="OpenCompass SuperGLUE_WSC_ppl_003529: val, 0-shot, the text against the text with the pronoun replaced, by PPL",
    mode=PPL,
    folder="wsc",
    items=partial(items, replaced),
    num_items=104,
    chance=0.5,
)
LETTERED = replace(
    TASK,
    protocol="OpenCompass SuperGLUE_WSC_ppl_1c4a90: val, 0-shot, A. Yes / B. No by PPL",
    items=partial(items, lettered),
)
TASK = replace(TASK, variants={"ppl_003529": TASK, "ppl_1c4a90": LETTERED})
