"""Plain text as documents: each line one, or each block between blank lines, or the whole file."""

import io
from collections.abc import Iterator

from zhinao.data.read.containers.json_lines import not_utf8
from zhinao.data.read.containers.stream import MAX_RECORD_BYTES, lines, too_large
from zhinao.data.sample import DataError, Fault, Place
from zhinao.lang import tr

# What `--format` may say of a plain text file. Lines are what peers and the `datasets` library take.
UNITS = ("text", "text-blocks", "text-file")


def records(source: str, file: io.BufferedReader, unit: str = "text") -> Iterator[tuple[Place, dict] | Fault]:
    """`{"text": …}` records, blank ones left out. A line that is not UTF-8 is a Fault; in a longer document a DataError."""
    documents = _each_line(source, file) if unit == "text" else _joined(source, file, unit)
    for number, (line, text) in enumerate(documents, start=1):
        place = Place(source, line, number)
        yield Fault(place, "", not_utf8(text)) if isinstance(text, UnicodeDecodeError) else (place, {"text": text})


def _each_line(source: str, file: io.BufferedReader) -> Iterator[tuple[int, str | UnicodeDecodeError]]:
    """`(number, line)`, or the error of a line that cannot be decoded. Blank ones are left out."""
    for number, raw in lines(source, file):
        try:
            line = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield number, error
            continue
        if line.strip():
            yield number, line


def _joined(source: str, file: io.BufferedReader, unit: str) -> Iterator[tuple[int, str]]:
    """Documents of several lines, with the line where each begins; line ends are kept as \\n."""
    first, document, last, size = 1, [], 0, 0
    for number, line in _each_line(source, file):
        if isinstance(line, UnicodeDecodeError):
            what = not_utf8(line)
            raise DataError(tr(f"{source}, line {number}: {what}.", f"{source} 第 {number} 行：{what}。"))
        num_blank = number - last - 1
        if document and num_blank and unit == "text-blocks":
            yield first, "\n".join(document)
            document = []
        first, size = (first, size + num_blank) if document else (number, 0)
        size += len(line.encode()) + 1
        if size > MAX_RECORD_BYTES:
            raise too_large(Place(source, first, 1))
        document += [""] * num_blank * bool(document) + [line]
        last = number
    if document:
        yield first, "\n".join(document)
