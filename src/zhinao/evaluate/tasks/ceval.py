"""C-Eval, val: 52 subjects, letters by PPL after five examples."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import PPL, Item, Task
from zhinao.evaluate.tasks import _subjects
from zhinao.evaluate.tasks._files import Row, found
from zhinao.evaluate.tasks._shots import LETTERS, joined, labelled, options
from zhinao.evaluate.tasks._titles import CEVAL


def items(folder: Path) -> Iterator[Item]:
    files = _subjects.subjects(folder, "val", "_val.csv")
    return _subjects.items(files, item, lambda subject: found(folder, f"dev/{subject}_dev.csv"))


def item(subject: str, shots: list[Row], row: Row, id: str) -> Item:
    examples = [joined(asked(subject, shot), LETTERS[shot.one_of("answer", LETTERS)]) for shot in shots]
    return labelled(id, asked(subject, row), LETTERS, row.one_of("answer", LETTERS), examples, subject)


def asked(subject: str, row: Row) -> str:
    title = _subjects.title_of(subject, CEVAL, row.file)
    header = f"以下是中国关于{title}考试的单项选择题，请选出其中的正确答案。"
    return f"{header}\n{row.text('question')}\n{options(map(row.text, LETTERS))}\n答案: "


TASK = Task(
    name="ceval",
    title="C-Eval",
    language="zh",
    protocol="OpenCompass ceval_ppl_578f8d: val, 5-shot from dev, letters by PPL, unweighted mean of 52 subjects",
    mode=PPL,
    folder="ceval",
    items=items,
    num_items=1346,
    mean="subsets",
    chance=0.25,
)
