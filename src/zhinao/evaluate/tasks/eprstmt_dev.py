"""EPRSTMT, FewCLUE's dev_few_all: is a customer content or not?"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import GENERATION, PPL, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.evaluate.tasks._grades import first_letter
from zhinao.evaluate.tasks._shots import labelled


def items(item, folder: Path) -> Iterator[Item]:
    """Lines of JSON, despite the file's name."""
    for index, row in enumerate(json_lines(found(folder, "dev_few_all.json"))):
        yield item(str(index), row.text("sentence"), row.one_of("label", ["Negative", "Positive"]))


def generated(id: str, sentence: str, is_positive: int) -> Item:
    """The quotation marks stand the wrong way round in the publisher's tool."""
    prompt = f'内容： "{sentence}"。请对上述内容进行情绪分类。\nA. 积极\nB. 消极\n请从”A“，”B“中进行选择。\n答：'
    return Item(id=id, prompt=prompt, gold="BA"[is_positive])


def continued(id: str, sentence: str, is_positive: int) -> Item:
    return labelled(id, f'内容： "{sentence}"。情绪分类：', ("消极。", "积极。"), is_positive)


TASK = Task(
    name="eprstmt-dev",
    title="eprstmt-dev",
    language="zh",
    protocol="OpenCompass FewCLUE_eprstmt_gen_740ea0: dev_few_all, 0-shot, letter generated, first capital of the output",
    mode=GENERATION,
    folder="eprstmt",
    items=partial(items, generated),
    num_items=160,
    grade=first_letter,
    chance=0.5,
)
CONTINUED = replace(
    TASK,
    protocol="OpenCompass FewCLUE_eprstmt_ppl_f1e631: dev_few_all, 0-shot, two words by PPL",
    mode=PPL,
    items=partial(items, continued),
    grade=None,
)
TASK = replace(TASK, variants={"gen_740ea0": TASK, "ppl_f1e631": CONTINUED})
