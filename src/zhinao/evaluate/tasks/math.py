"""MATH, test: 5000 competition problems, four worked examples (Minerva's).

The examples hold doubled braces: the publisher's tool wrote them for a formatting that it does not do, and so its models read them.
"""

from collections.abc import Iterator
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks import _minerva, _worked
from zhinao.evaluate.tasks._files import files_are_said, found, json_object
from zhinao.lang import tr
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    """A problem is a file of its own, in a folder of its subject; in order of the subjects and numbers."""
    place = found(folder, "MATH/test", "test")
    files = sorted(place.glob("*/*.json"), key=lambda file: (file.parent.name, file.stem.zfill(9)))
    if not files:
        raise UsageError(tr(f"{place} holds no problem.", f"{place} 中没有题目。"), files_are_said())
    for file in files:
        row = json_object(file)
        prompt = f"{_worked.MATH}Problem:\n{row.text('problem')}\nSolution:\n"
        facts = {"level": row.text("level"), "type": row.text("type")}
        yield Item(id=f"{file.parent.name}/{file.stem}", prompt=prompt, gold=row.text("solution"), facts=facts)


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.mathematics import hendrycks_equal, last_boxed

    gold, answer = last_boxed(item.gold), _minerva.answer(output)
    return Grade(float(gold is not None and hendrycks_equal(gold, answer)), answer)


TASK = Task(
    name="math",
    title="math",
    language="en",
    protocol="OpenCompass math_gen_265cce: test, 4-shot, 512 new tokens, last box or the sentence with 'answer is', "
    "equal as texts after normalisation",
    mode=GENERATION,
    folder="math",
    items=items,
    num_items=5000,
    grade=grade,
    max_tokens=512,
)
