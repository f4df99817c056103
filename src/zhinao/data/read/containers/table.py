"""CSV and TSV with a header. A row of another width is a Fault. Cells are text; what lists they hold is `formats/cells.py`'s."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from zhinao.data.read.containers.json_lines import not_utf8
from zhinao.data.read.containers.stream import MAX_RECORD_BYTES, lines, too_large
from zhinao.data.read.formats import KNOWN_FIELDS
from zhinao.data.sample import DataError, Fault, Place
from zhinao.lang import counted, tr

_DELIMITERS = (",", "\t", ";")


def delimiter(first_line: str) -> str | None:
    """What parts the cells of a header that names known columns; None where it names none."""
    for sign in _DELIMITERS:
        if KNOWN_FIELDS.intersection(_cells(first_line, sign)):
            return sign
    return None


def _cells(first_line: str, sign: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([first_line], delimiter=sign), [])]
    except csv.Error:  # a carriage return in the middle, for one
        return []


def records(source: str, file: io.BufferedReader) -> Iterator[tuple[Place, dict] | Fault]:
    """Raises DataError for a header that names no known column, and for a row whose quotes are not closed."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    text = _Text(source, file)
    first = next(text, "")
    sign = delimiter(first)
    header = _cells(first, sign or ",")
    _check_header(source, header, sign)
    rows = csv.reader(text, delimiter=sign, strict=True)
    num_records = 0
    while True:
        line = rows.line_num + 2
        text.begin(line)
        try:
            row = next(rows, None)
        except csv.Error as error:
            what = tr(f"is no CSV ({error})", f"不是有效的 CSV（{error}）")
            raise DataError(
                tr(f"{source}, line {line}: {what}.", f"{source} 第 {line} 行：{what}。"),
                tr("is a quotation mark not closed?", "是否有引号没有闭合？"),
            ) from None
        if row is None:
            return
        if row:
            num_records += 1
            yield _record(Place(source, line, num_records), header, row)


class _Text:
    """The lines as the CSV reader wants them. It puts many into one record where a quotation mark is not closed: raises DataError."""

    def __init__(self, source: str, file: io.BufferedReader):
        self._source, self._lines = source, lines(source, file)
        self.begin(1)

    def begin(self, line: int) -> None:
        """The next line is the first of a record."""
        self._first, self._num_bytes = line, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, raw = next(self._lines)
        self._num_bytes += len(raw)
        if self._num_bytes > MAX_RECORD_BYTES:
            raise too_large(Place(self._source, self._first, self._first))
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            what = not_utf8(error)
            message = tr(f"{self._source}, line {number}: {what}.", f"{self._source} 第 {number} 行：{what}。")
            raise DataError(message) from None


def _check_header(source: str, header: list[str], sign: str | None) -> None:
    if sign is None:
        shown = ", ".join(header[:6])
        raise DataError(
            tr(
                f"{source}, line 1: the header names no known column; it has {shown[:200]}.",
                f"{source} 第 1 行：表头中没有已知的列名，现有：{shown[:200]}。",
            ),
            tr(
                "the first line must name the columns: question,answer or instruction,output or another format's fields",
                "首行应为列名，例如 question,answer、问题,答案、instruction,output，或其他格式的字段",
            ),
        )
    twice = next((name for name, num in Counter(header).items() if num > 1), None)
    if twice is not None:
        raise DataError(
            tr(f"{source}, line 1: the column {twice!r} is there twice.", f"{source} 第 1 行：列名 {twice!r} 重复。")
        )


def _record(place: Place, header: list[str], row: list[str]) -> tuple[Place, dict] | Fault:
    if len(row) != len(header):
        return Fault(
            place,
            "",
            tr(
                f"has {counted(len(row), 'cell')}; the header has {len(header)}",
                f"有 {len(row)} 个单元格，而表头有 {len(header)} 个",
            ),
        )
    return place, dict(zip(header, row, strict=True))
