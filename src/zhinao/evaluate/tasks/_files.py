"""Benchmark files in their original layouts, read a record at a time; whatever is wrong is a sentence with file, line, field.

Knows no benchmark: which file and which fields is said in the task's own file.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr


@dataclass(frozen=True)
class Row:
    """A record and its place. `line` counts from 1; None where the file is one record. `inside` leads to it: "question."."""

    values: Mapping
    file: Path
    line: int | None = None
    inside: str = ""

    def value(self, field: str):
        """Raises UsageError where the field is missing or null."""
        if self.values.get(field) is None:
            raise self.wrong(field, tr("is missing", "缺失"))
        return self.values[field]

    def text(self, field: str) -> str:
        value = self.value(field)
        if not isinstance(value, str):
            raise self.wrong(field, tr("is not a text", "不是文本"))
        return value

    def texts(self, field: str, num: int | None = None) -> list[str]:
        """A list of texts; `num`: how many it must have."""
        value = self.value(field)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.wrong(field, tr("is not a list of texts", "不是文本列表"))
        if num is not None and len(value) != num:
            raise self.wrong(
                field, tr(f"has {len(value)} entries, not {num}", f"有 {len(value)} 个元素，而不是 {num} 个")
            )
        return value

    def one_of(self, field: str, known) -> int:
        """The place of the field's value among the known ones (a text of letters, or a list)."""
        value, known = self.value(field), list(known)
        if value not in known:
            raise self.wrong(field, tr(f"is {value!r}, not one of {known}", f"是 {value!r}，应为 {known} 之一"))
        return known.index(value)

    def row(self, field: str) -> "Row":
        return self._below(field, self.value(field))

    def rows(self, field: str) -> list["Row"]:
        value = self.value(field)
        if not isinstance(value, list):
            raise self.wrong(field, tr("is not a list", "不是列表"))
        return [self._below(f"{field}[{index}]", entry) for index, entry in enumerate(value)]

    def wrong(self, field: str, what: str) -> UsageError:
        name = f"{self.inside}{field}"
        return UsageError(
            tr(
                f'{_place(self.file, self.line)}: the field "{name}" {what}',
                f"{_place(self.file, self.line)}：字段“{name}”{what}",
            )
        )

    def _below(self, field: str, value) -> "Row":
        if not isinstance(value, Mapping):
            raise self.wrong(field, tr("is not an object", "不是对象"))
        return Row(value, self.file, self.line, f"{self.inside}{field}.")


def files_are_said() -> str:
    """The hint of whoever finds no files."""
    return tr("docs/evaluation.md says which files a benchmark wants", "所需文件见 docs/zh/evaluation.md")


def found(folder: Path, *names: str) -> Path:
    """The first of these files or folders that is there; the first name is that of the original layout."""
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise UsageError(
        tr(f"{folder / names[0]} is not there.", f"找不到 {folder / names[0]}。"),
        files_are_said(),
    )


def json_lines(file: Path) -> Iterator[Row]:
    for line, text in lines(file):
        if text.strip():
            yield Row(_object(text, file, line), file, line)


def json_whole(file: Path):
    """What a file that is one JSON value holds."""
    text = "\n".join(text for _, text in lines(file))
    return _parsed(text, file, None)


def json_object(file: Path) -> Row:
    """A file that is one JSON object."""
    value = json_whole(file)
    if not isinstance(value, Mapping):
        raise UsageError(tr(f"{file} is not a JSON object.", f"{file} 不是 JSON 对象。"))
    return Row(value, file)


def json_array(file: Path) -> Iterator[Row]:
    """Objects of a file that is one array; their places are counted as lines are."""
    value = json_whole(file)
    if not isinstance(value, list):
        raise UsageError(tr(f"{file} is not a JSON array.", f"{file} 不是 JSON 数组。"))
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, Mapping):
            raise UsageError(tr(f"{file}, entry {number}: not an object", f"{file} 第 {number} 项：不是对象"))
        yield Row(entry, file, number)


def table(file: Path, names: tuple[str, ...] = ()) -> Iterator[Row]:
    """A CSV file. `names`: of the columns where the file has no header."""
    with _opened(file) as stream:
        reader = csv.DictReader(stream, fieldnames=names or None, restkey="")
        try:
            for values in reader:
                yield Row(values, file, reader.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _unreadable(file, reader.line_num, error) from error


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered from 1, without their ends."""
    line = 0
    with _opened(file) as stream:
        try:
            for line, text in enumerate(stream, 1):
                yield line, text.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise _unreadable(file, line + 1, error) from error


def parquet(file: Path) -> Iterator[Row]:
    import pyarrow.parquet

    try:
        opened = pyarrow.parquet.ParquetFile(file)
        rows = (row for batch in opened.iter_batches() for row in batch.to_pylist())
        for number, values in enumerate(rows, 1):
            yield Row(values, file, number)
    except (OSError, pyarrow.ArrowException) as error:
        raise _unreadable(file, None, error) from error


def _opened(file: Path):
    try:
        return open(file, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UsageError(
            tr(f"{file} cannot be read: {error.strerror}", f"无法读取 {file}：{error.strerror}")
        ) from error


def _object(text: str, file: Path, line: int) -> Mapping:
    value = _parsed(text, file, line)
    if not isinstance(value, Mapping):
        raise UsageError(tr(f"{_place(file, line)}: not a JSON object", f"{_place(file, line)}：不是 JSON 对象"))
    return value


def _parsed(text: str, file: Path, line: int | None):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(file, line or getattr(error, "lineno", None), error) from error


def _unreadable(file: Path, line: int | None, error: Exception) -> UsageError:
    return UsageError(tr(f"{_place(file, line)}: damaged ({error})", f"{_place(file, line)}：已损坏（{error}）"))


def _place(file: Path, line: int | None) -> str:
    return str(file) if line is None else tr(f"{file}, line {line}", f"{file} 第 {line} 行")
