"""ARC's two halves: same format, same prompts, other files."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import GENERATION, PPL, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.evaluate.tasks._shots import LETTERS, labelled, options
from zhinao.score.grade import Grade


def items(names: tuple[str, ...], item, folder: Path) -> Iterator[Item]:
    """Questions without exactly four options are left out, as the publisher's tool does."""
    for row in json_lines(found(folder, *names)):
        question = row.row("question")
        choices = question.rows("choices")
        if len(choices) == 4:
            gold = row.one_of("answerKey", [choice.text("label") for choice in choices])
            yield item(row.text("id"), question.text("stem"), [choice.text("text") for choice in choices], gold)


def generated(id: str, stem: str, texts: list[str], gold: int) -> Item:
    return Item(id=id, prompt=f"Question: {stem}\n{options(texts)}\nAnswer:", gold=LETTERS[gold])


def continued(id: str, stem: str, texts: list[str], gold: int) -> Item:
    return labelled(id, f"Question: {stem}\nAnswer: ", texts, gold)


def lettered(id: str, stem: str, texts: list[str], gold: int) -> Item:
    return labelled(id, f"{stem}\n{options(texts)}", [f"Answer: {letter}" for letter in LETTERS], gold)


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.choices import first_option

    chosen = first_option(output, LETTERS)
    return Grade(float(chosen == item.gold), chosen)


def task(name: str, title: str, num_items: int, *files: str) -> Task:
    def read(item):
        return partial(items, files, item)

    made = Task(
        name=name,
        title=title,
        language="en",
        protocol=f"OpenCompass {title.replace('-', '_')}_gen_1e0de5: dev, 0-shot, letter generated, first option in the output",
        mode=GENERATION,
        folder="arc",
        items=read(generated),
        num_items=num_items,
        grade=grade,
        chance=0.25,
    )
    by_text = replace(
        made,
        protocol=f"OpenCompass {title.replace('-', '_')}_ppl_a450bd: dev, 0-shot, answer texts by PPL",
        mode=PPL,
        items=read(continued),
        grade=None,
    )
    by_letter = replace(
        by_text,
        protocol=f"OpenCompass {title.replace('-', '_')}_ppl_2ef631: dev, 0-shot, letters by PPL",
        items=read(lettered),
    )
    return replace(made, variants={"gen_1e0de5": made, "ppl_a450bd": by_text, "ppl_2ef631": by_letter})
