"""A JSON array of objects, or objects over several lines one after the other: decoded object by object from a moving window.

The standard decoder does the work; libraries that stream JSON do not tell lines.
"""

import codecs
import io
import json
import re
from collections.abc import Iterator

from zhinao.data.read.containers.json_lines import DECODER, check_characters, no_object, sentence
from zhinao.data.read.containers.stream import MAX_RECORD_BYTES, too_large
from zhinao.data.sample import DataError, Fault, Place
from zhinao.lang import tr

_SPACE = re.compile(r"[ \t\r\n]*")
NUM_CHUNK_BYTES = 2**20
NUM_TAIL = 16  # an error so near to the window's end may be only a cut word


def records(source: str, file: io.BufferedReader) -> Iterator[tuple[Place, dict] | Fault]:
    """Raises DataError where the array's frame is broken, or an object and then no next one can be told apart."""
    window = _Window(source, file)
    is_array = window.peek() == "["
    if is_array:
        window.skip(1)
    num_records, indent = 0, None
    while _is_next(window, is_array, num_records):
        num_records += 1
        place = Place(source, window.line, num_records)
        indent = window.indent() if indent is None else indent
        try:
            value = window.value()
        except UnicodeEncodeError as error:  # it was read whole
            yield Fault(place, "", sentence(error))
        except (ValueError, RecursionError) as error:
            fault = Fault(place, "", sentence(error, window.text[window.at :], window.line))
            if not window.to_next(indent, "," if is_array else ""):
                raise DataError(f"{fault}.") from None
            yield fault
        else:
            yield (place, value) if isinstance(value, dict) else no_object(place, value)


def _is_next(window: "_Window", is_array: bool, num_before: int) -> bool:
    """Go over the comma to the next value; False at the end. Raises DataError."""
    char = window.peek()
    if not is_array:
        return char != ""
    if char == ",":
        if not num_before:
            raise window.error(tr("a value is missing before the comma", "逗号前缺少内容"))
        window.skip(1)
        char = window.peek()
        if char == "]":
            raise window.error(tr("a comma stands before the closing ]", "] 之前多了一个逗号"))
    elif num_before and char not in ("]", ""):
        raise window.error(tr(f"a comma or ] is missing before {char!r}", f"{char!r} 之前缺少逗号或 ]"))
    if char == "]":
        window.skip(1)
        if window.peek():
            raise window.error(tr("there is more after the closing ]", "] 之后还有多余的内容"))
        return False
    if not char:
        raise window.error(tr("the file ends before the closing ]; it is not whole", "文件在 ] 之前结束，不完整"))
    return True


class _Window:
    """Some text of the file: `text[at:]` is what comes next and begins in line `line`."""

    def __init__(self, source: str, file: io.BufferedReader):
        self.source, self.text, self.at, self.line = source, "", 0, 1
        self._file, self._decoder, self._is_end = file, codecs.getincrementaldecoder("utf-8-sig")(), False
        self._start_over()

    def peek(self) -> str:
        """The next character that is no space, or an empty text at the end."""
        while True:
            self.skip(_SPACE.match(self.text, self.at).end() - self.at)
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def skip(self, num_chars: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + num_chars)
        self.at += num_chars

    def value(self):
        """The next value, passed over. Raises UnicodeEncodeError; ValueError and RecursionError with the window still before it."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self._may_be_cut(error) and self._more():
                    continue
                raise json.JSONDecodeError(error.msg, self.text[self.at :], error.pos - self.at) from None
            if end == len(self.text) and not isinstance(value, (dict, list)) and self._more():
                continue
            text = self.text[self.at : end]
            self.skip(end - self.at)
            self._start_over()
            check_characters(value, text)
            return value

    def indent(self) -> str | None:
        """What stands before the next value in its line; None where that is more than spaces."""
        before = self.text[self.text.rfind("\n", 0, self.at) + 1 : self.at]
        return before if not before.strip() else None

    def to_next(self, indent: str | None, comma: str) -> bool:
        """Pass over a broken value: to the next line that begins an object as far in as the first one, and put `comma` there.

        False where there is none such.
        """
        if indent is None:
            return False
        start = re.compile(rf",?[ \t]*\r?\n{indent}(?=\{{)")
        self.skip(1)
        while not (found := start.search(self.text, self.at)):
            self.skip(max(0, len(self.text) - self.at - len(indent) - NUM_TAIL))
            self._num_bytes = NUM_CHUNK_BYTES  # nothing of it is kept
            if self._num_waiting >= MAX_RECORD_BYTES or not self._more():
                return False
        self.skip(found.end() - self.at)
        self._start_over()
        self.text, self.at = comma + self.text[self.at :], 0
        return True

    def error(self, what: str) -> DataError:
        return DataError(tr(f"{self.source}, line {self.line}: {what}.", f"{self.source} 第 {self.line} 行：{what}。"))

    def _start_over(self) -> None:
        """Nothing was read yet for the value that comes next."""
        self._num_bytes, self._num_waiting = NUM_CHUNK_BYTES, 0

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - NUM_TAIL

    def _more(self) -> bool:
        """Drop what was read and add twice as much as the last time (a long value is decoded again from its start).

        Raises DataError for a value that is too large.
        """
        if self._is_end:
            return False
        if self.at == len(self.text):
            self._start_over()
        if self._num_waiting >= MAX_RECORD_BYTES:
            raise too_large(Place(self.source, self.line, 1))
        data = self._file.read(min(self._num_bytes, MAX_RECORD_BYTES - self._num_waiting))
        self._num_waiting += len(data)
        self._num_bytes *= 2
        self._is_end = not data
        self.text, self.at = self.text[self.at :], 0
        try:
            self.text += self._decoder.decode(data, final=self._is_end)
        except UnicodeDecodeError as error:
            self.line += self.text.count("\n") + error.object.count(b"\n", 0, error.start)
            byte = error.object[error.start]
            raise self.error(tr(f"is not UTF-8 (byte 0x{byte:02x})", f"不是 UTF-8（字节 0x{byte:02x}）")) from None
        return not self._is_end or bool(self.text[self.at :])
