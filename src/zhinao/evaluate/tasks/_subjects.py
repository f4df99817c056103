"""Sets of several subjects, each a CSV with examples (dev) and questions: C-Eval, MMLU, CMMLU."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import Item
from zhinao.evaluate.tasks._files import Row, files_are_said, found, table
from zhinao.lang import tr

NUM_SHOTS = 5


def subjects(folder: Path, split: str, ending: str) -> Iterator[tuple[str, Path]]:
    """Name and file of each subject that is there, by the alphabet; a part of the subjects is a smaller set, not an error."""
    place = found(folder, split)
    files = sorted(place.glob(f"*{ending}"))
    if not files:
        raise UsageError(
            tr(f"{place} holds no file *{ending}.", f"{place} 中没有 *{ending} 文件。"),
            files_are_said(),
        )
    for file in files:
        yield file.name.removesuffix(ending), file


def title_of(subject: str, titles: Mapping[str, str], file: Path) -> str:
    if subject not in titles:
        raise UsageError(tr(f"{file}: no subject of this set", f"{file}：不是此评测集的科目"))
    return titles[subject]


def first_rows(file: Path, names: tuple[str, ...] = ()) -> list[Row]:
    """The first five rows of a dev file, in file order."""
    rows = [row for row, _ in zip(table(file, names), range(NUM_SHOTS), strict=False)]
    if len(rows) < NUM_SHOTS:
        raise UsageError(
            tr(
                f"{file} has {len(rows)} examples; {NUM_SHOTS} are needed.",
                f"{file} 只有 {len(rows)} 个示例，需要 {NUM_SHOTS} 个。",
            )
        )
    return rows


def items(
    files: Iterator[tuple[str, Path]], item: Callable[[str, list[Row], Row, str], Item], dev, names=()
) -> Iterator[Item]:
    """`item(subject, shots, row, id)`; `dev(subject)`: the file with the examples."""
    for subject, file in files:
        shots = first_rows(dev(subject), names)
        for index, row in enumerate(table(file, names)):
            yield item(subject, shots, row, f"{subject}/{index}")
