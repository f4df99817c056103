"""One JSON object a line. A line that is none is a Fault; the next one is read all the same."""

import io
from collections.abc import Iterator

from zhinao.data.read.containers.json_text import DECODER, check_characters, sentence
from zhinao.data.read.formats.fields import kind_of
from zhinao.data.sample import Fault, Place
from zhinao.lang import tr

BOM = b"\xef\xbb\xbf"


def records(source: str, file: io.BufferedReader) -> Iterator[tuple[Place, dict] | Fault]:
    num_records = 0
    for number, raw in enumerate(file, start=1):
        if number == 1:
            raw = raw.removeprefix(BOM)
        if raw.isspace() or not raw:
            continue
        num_records += 1
        place = Place(source, number, num_records)
        try:
            line = raw.decode().strip()
            value = DECODER.decode(line)
            check_characters(value, line)
        except UnicodeDecodeError as error:
            yield Fault(place, "", not_utf8(error))
        except (ValueError, RecursionError) as error:
            yield Fault(place, "", sentence(error, line))
        else:
            yield (place, value) if isinstance(value, dict) else no_object(place, value)


def not_utf8(error: UnicodeDecodeError) -> str:
    """For a line of text; the byte's number is counted in that line, from 1."""
    return tr(
        f"is not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start + 1} of the line)",
        f"不是 UTF-8（该行第 {error.start + 1} 个字节为 0x{error.object[error.start]:02x}）",
    )


def no_object(place: Place, value) -> Fault:
    return Fault(place, "", tr(f"must be an object, not {kind_of(value)}", f"必须是对象，而不是{kind_of(value)}"))
