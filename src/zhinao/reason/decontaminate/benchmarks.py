"""Questions of benchmarks as texts of their own, without the examples and instructions that a protocol puts around them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate import data, tasks
from zhinao.evaluate.task import Item, Task
from zhinao.lang import tr

_OPTIONS = re.compile(r"\n\s*(?:\()?A(?:\)|[.:、．：])\s*\S")
_DOCUMENTS = (".txt", ".md")


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is what a person would read; `variants`: further texts that mean the same question (without its options)."""

    benchmark: str
    id: str
    text: str
    variants: tuple[str, ...] = ()


def of(named: Sequence[str], folder: Path | None) -> tuple[list[Question], list[str]]:
    """The questions, and the tasks whose files are not there. `named`: tasks, files or folders of texts; none: all tasks there are.

    Raises UsageError for a name that is neither, and for a task that was named and is not there.
    """
    found, missing = [], []
    for name in named or tasks.names():
        if Path(name).exists():
            found += _texts(Path(name))
        elif (task := tasks.find(name)) is None:
            raise UsageError(
                tr(f"{name!r} is no task, no file and no folder.", f"{name!r} 不是任务、文件或目录。"),
                "zhinao eval list",
            )
        elif not named and not (folder_of(task, folder)).is_dir():
            missing.append(name)
        else:
            found += questions(task, data.read(task, data.folder(folder)))
    if not found:
        raise UsageError(
            tr("No benchmark's files are there to compare with.", "没有可供比较的评测数据。"),
            tr(
                "`zhinao eval fetch TASK`, --data DIR, or --against FILE",
                "用 `zhinao eval fetch 任务` 下载，或指定 --data、--against",
            ),
        )
    return found, missing


def folder_of(task: Task, folder: Path | None) -> Path:
    return data.folder(folder) / task.folder


def questions(task: Task, items: Sequence[Item]) -> Iterator[Question]:
    """What items of one subset have in common at their beginning and end is the protocol's, the rest the question."""
    groups = defaultdict(list)
    for item in items:
        groups[item.subset].append((item, _whole(item)))
    for group in groups.values():
        texts = [text for _, text in group]
        start, end = (_shared(texts), _shared([text[::-1] for text in texts])) if len(texts) > 1 else (0, 0)
        for item, text in group:
            own = text[start : max(len(text) - end, start)].strip()
            yield Question(task.name, item.id, own, tuple(_without_options(own)))
            for place, turn in enumerate(item.turns, 2):
                yield Question(task.name, f"{item.id}#{place}", turn)


def _shared(texts: list[str]) -> int:
    """Length of the common beginning, back to where a word or a line begins."""
    common = _beginning(texts)
    while common and common[-1].isalnum() and not "\u3400" <= common[-1] <= "\u9fff":
        common = common[:-1]
    return len(common)


def _beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # what these two share all of them do
    same = (num for num, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, min(len(first), len(last)))]


def _whole(item: Item) -> str:
    if not item.prompt:
        common = _beginning(item.choices)
        return common if len(common) * 2 > len(item.choices[0]) else item.choices[0]
    if isinstance(item.prompt, str):
        return item.prompt
    return "\n".join(str(message["content"]) for message in item.prompt if message["role"] == "user")


def _without_options(text: str) -> Iterator[str]:
    if (options := _OPTIONS.search(text)) and options.start():
        yield text[: options.start()]


def _texts(path: Path) -> Iterator[Question]:
    """Files of one's own: a line (.txt: a line; .jsonl: every text of a record) is a question."""
    from zhinao.evaluate.tasks import _files

    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.suffix in _DOCUMENTS:
            rows = ((number, [text]) for number, text in _files.lines(file))
        elif file.suffix == ".jsonl":
            rows = ((row.line, _strings(row.values)) for row in _files.json_lines(file))
        else:
            continue
        for number, texts in rows:
            for place, text in enumerate(one for one in texts if one.strip()):
                yield Question(file.name, f"{number}" + (f".{place}" if place else ""), text)


def _strings(values) -> Iterator[str]:
    for value in values.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (
                one["content"] for one in value if isinstance(one, dict) and isinstance(one.get("content"), str)
            )
