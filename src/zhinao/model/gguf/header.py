"""Whether the counts in a GGUF file's header can be true of a file of its size. Told before `gguf` believes them.

Layout: magic, version, number of tensors and of entries; entries as key, type, value; tensors as name, dimensions, type, offset.
Keeps nothing of what it reads, and does not say what the entries mean.
"""

import mmap
import struct
from pathlib import Path

from zhinao import foreign
from zhinao.lang import tr

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of the types that are one number
_STRING, _ARRAY = 8, 9
_MAX_ITEMS = 2**22  # of all arrays together; the largest vocabularies with their merges have under a million
_MAX_DIMENSIONS = 8
_SMALLEST_ENTRY, _SMALLEST_TENSOR = 13, 24  # bytes: an empty key with one byte; an empty name without dimensions


class Untrue(ValueError):
    """A count that cannot be. The message is a sentence without its full stop."""


def check(file: Path) -> None:
    """Raises Untrue for a header that says more than the file holds, OSError where it cannot be read."""
    foreign.check_regular(file)
    with file.open("rb") as stream:
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _Header(data).walk()
        except ValueError as error:
            raise error if isinstance(error, Untrue) else Untrue(tr("it is empty", "文件为空")) from None


class _Header:
    def __init__(self, data: mmap.mmap):
        self.data, self.size, self.at, self.num_items = data, len(data), 4, 0
        version = int.from_bytes(data[4:8], "little")
        self.order = "<" if version & 0xFFFF else ">"

    def walk(self) -> None:
        self._number("I")
        num_tensors, num_entries = self._number("Q"), self._number("Q")
        self._must_fit(num_tensors, _SMALLEST_TENSOR, tr("tensors", "张量"))
        self._must_fit(num_entries, _SMALLEST_ENTRY, tr("entries", "条目"))
        for _ in range(num_entries):
            self._skip_string()
            self._skip_value(self._number("I"))
        for _ in range(num_tensors):
            self._skip_tensor()

    def _number(self, kind: str) -> int:
        try:
            (value,) = struct.unpack_from(self.order + kind, self.data, self.at)
        except struct.error:
            raise Untrue(tr("it ends inside its header", "文件在头部处中断")) from None
        self.at += struct.calcsize(kind)
        return value

    def _must_fit(self, count: int, num_bytes: int, what: str) -> None:
        """`count` things of at least so many bytes each, in what is left of the file."""
        if count * num_bytes > self.size - self.at:
            raise Untrue(
                tr(
                    f"its header says {count} {what}, but the file has {self.size} bytes",
                    f"头部写有 {count} 个{what}，而文件只有 {self.size} 字节",
                )
            )

    def _skip(self, num_bytes: int) -> None:
        self._must_fit(num_bytes, 1, tr("bytes of one value", "字节的值"))
        self.at += num_bytes

    def _skip_string(self) -> None:
        self._skip(self._number("Q"))

    def _skip_value(self, kind: int) -> None:
        if kind == _STRING:
            self._skip_string()
        elif kind == _ARRAY:
            self._skip_array(self._number("I"), self._number("Q"))
        else:
            self._skip(self._size_of(kind))

    def _size_of(self, kind: int) -> int:
        if kind not in _SIZES:
            raise Untrue(tr(f"it has values of a kind {kind}, which does not exist", f"其中有不存在的类型 {kind}"))
        return _SIZES[kind]

    def _skip_array(self, kind: int, count: int) -> None:
        """Arrays in arrays are in no file of a language model."""
        size = 8 if kind == _STRING else self._size_of(kind)
        self._must_fit(count, size, tr("items", "项"))
        self.num_items += count
        if self.num_items > _MAX_ITEMS:
            raise Untrue(tr(f"its lists have more than {_MAX_ITEMS} items", f"其列表超过 {_MAX_ITEMS} 项"))
        if kind == _STRING:
            for _ in range(count):
                self._skip_string()
        else:
            self._skip(count * size)

    def _skip_tensor(self) -> None:
        self._skip_string()
        if (num_dimensions := self._number("I")) > _MAX_DIMENSIONS:
            raise Untrue(tr(f"it has a tensor of {num_dimensions} dimensions", f"其中有 {num_dimensions} 维的张量"))
        self._skip(8 * num_dimensions + 12)
