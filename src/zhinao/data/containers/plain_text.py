"""Plain text as documents: each line one, or each block between blank lines, or the whole file."""

import io
from collections.abc import Iterator

from zhinao.data.containers.json_lines import BOM, not_utf8
from zhinao.data.sample import Fault, Place

# What `--format` may say of a plain text file. Lines are what peers and the `datasets` library take.
UNITS = ("text", "text-blocks", "text-file")


def records(source: str, file: io.BufferedReader, unit: str = "text") -> Iterator[tuple[Place, dict] | Fault]:
    """`{"text": …}` records. Line ends within a document are kept as \\n; blank documents are none."""
    for number, (line, text) in enumerate(_documents(file, unit), start=1):
        place = Place(source, line, number)
        yield Fault(place, "", not_utf8(text)) if isinstance(text, UnicodeDecodeError) else (place, {"text": text})


def _documents(file: io.BufferedReader, unit: str) -> Iterator[tuple[int, str | UnicodeDecodeError]]:
    """The line where each document begins, and the document; a line that cannot be decoded stands alone as its error."""
    first, lines = 1, []
    for number, raw in enumerate(file, start=1):
        try:
            line = (raw.removeprefix(BOM) if number == 1 else raw).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield number, error
            continue
        is_blank = not line.strip()
        if lines and (unit == "text" or (is_blank and unit == "text-blocks")):
            yield first, "\n".join(lines)
            lines = []
        if lines or not is_blank:
            first = first if lines else number
            lines.append(line)
    if lines:
        yield first, "\n".join(lines).rstrip()
