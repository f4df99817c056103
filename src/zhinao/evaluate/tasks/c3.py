"""C3, the dialogue half of dev: 1825 questions on 1628 dialogues."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, PPL, Item, Task
from zhinao.evaluate.tasks._files import Row, found, json_whole
from zhinao.evaluate.tasks._grades import first_letter
from zhinao.evaluate.tasks._shots import LETTERS, labelled, options
from zhinao.lang import tr

FILES = ("dev_0.json", "d-dev.json", "CLUE-C3/dev_0.json", "nlpdata-c3/d-dev.json")


def items(item, folder: Path) -> Iterator[Item]:
    file = found(folder, *FILES)
    for number, entry in enumerate(json_whole(file), 1):
        said, questions, id = parts(entry, file, number)
        for index, question in enumerate(questions):
            row = Row(question, file, number)
            choices = row.texts("choice")
            if not 2 <= len(choices) <= 4:
                raise row.wrong("choice", tr(f"has {len(choices)} entries", f"有 {len(choices)} 个元素"))
            yield item(f"{id}/{index}", said, row.text("question"), choices, row.one_of("answer", choices))


def parts(entry, file: Path, number: int) -> tuple[list[str], list[dict], str]:
    """A record is a list: what is said, the questions, an id."""
    match entry:
        case [[*said], [*questions], str(id)] if all(isinstance(question, dict) for question in questions):
            return said, questions, id
    raise UsageError(
        tr(
            f"{file}, entry {number}: not [texts, questions, id]",
            f"{file} 第 {number} 项：不是 [文本, 问题, id] 的形式",
        )
    )


def generated(id: str, said: list[str], question: str, choices: list[str], gold: int) -> Item:
    """Missing options stand as [NULL]."""
    shown = options(choices + ["[NULL]"] * (4 - len(choices)))
    prompt = f"{''.join(said)}\n问：{question}\n{shown}\n请从“A”，“B”，“C”，“D”中进行选择。\n答："
    return Item(id=id, prompt=prompt, gold=LETTERS[gold])


def continued(id: str, said: list[str], question: str, choices: list[str], gold: int) -> Item:
    """Missing options are copies of the first; a tie goes to the lower index."""
    labels = [f"答案：{choice}" for choice in choices + choices[:1] * (4 - len(choices))]
    return labelled(id, f"文章：{' '.join(said)}\n问题：{question}", labels, gold)


TASK = Task(
    name="c3",
    title="C3",
    language="zh",
    protocol="OpenCompass CLUE_C3_gen_8c358f: d-dev, 0-shot, letter generated, first capital of the output",
    mode=GENERATION,
    folder="c3",
    items=partial(items, generated),
    num_items=1825,
    grade=first_letter,
    chance=0.25,
)
CONTINUED = replace(
    TASK,
    protocol="OpenCompass CLUE_C3_ppl_e24a31: d-dev, 0-shot, answer texts by PPL",
    mode=PPL,
    items=partial(items, continued),
    grade=None,
)
TASK = replace(TASK, variants={"gen_8c358f": TASK, "ppl_e24a31": CONTINUED})
