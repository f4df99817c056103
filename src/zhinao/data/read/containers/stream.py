"""The bytes of a source: opened, counted while they are read, unpacked from gzip. Never more in memory than a few MB, or than
one record, whose size has a limit: a few MB of gzip may hold any number of GB without an end of line."""

import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zhinao.data.read.sources import STDIN
from zhinao.data.sample import DataError, Place
from zhinao.lang import tr
from zhinao.oserrors import reason

NUM_HEAD_BYTES = 2**16
MAX_RECORD_BYTES = 2**26  # of text, unpacked
BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Stream:
    """`bytes` is the whole source from its beginning, `head` its first 64 KiB for a look ahead. `is_gzip`: was unpacked.

    `on_bytes` is told what is read from the disk otherwise than through `bytes`.
    """

    source: str
    bytes: io.BufferedReader
    head: bytes
    is_gzip: bool
    on_bytes: Callable[[int], None]


def lines(source: str, file: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, and its end; without the mark of UTF-8. Raises DataError for one that is no record's."""
    for number, raw in enumerate(iter(lambda: file.readline(MAX_RECORD_BYTES + 1), b""), start=1):
        if len(raw) > MAX_RECORD_BYTES:
            raise too_large(Place(source, number, number))
        yield number, raw.removeprefix(BOM) if number == 1 else raw


def too_large(place: Place) -> DataError:
    size = f"{MAX_RECORD_BYTES >> 20} MiB"
    return DataError(
        tr(f"{place}: the record has more than {size}.", f"{place}：这条数据超过 {size}。"),
        tr(
            "a longer text must be divided; or is a line break, a bracket or a quotation mark missing?",
            "过长的文本请先拆分；也可能是缺少换行、括号或引号",
        ),
    )


@contextlib.contextmanager
def opened(source: str, on_bytes: Callable[[int], None] | None = None) -> Iterator[Stream]:
    """`on_bytes` is told how many bytes were read from the disk, before unpacking. Raises DataError, also while it is read."""
    with _open(source) as file, _told(source):
        raw = _Counted(file, on_bytes)
        head, whole = _with_head(raw)
        is_gzip = head.startswith(_GZIP)
        if is_gzip:
            head, whole = _with_head(gzip.GzipFile(fileobj=whole, mode="rb"))
        yield Stream(source, whole, head, is_gzip, on_bytes or (lambda _: None))


@contextlib.contextmanager
def _open(source: str) -> Iterator[io.IOBase]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = open(source, "rb", buffering=0)  # noqa: SIM115 (closed below, and errors while reading are not ours)
    except OSError as error:
        raise _unreadable(source, error) from None
    with file:
        yield file


def _unreadable(source: str, error: OSError) -> DataError:
    return DataError(tr(f"{source}: cannot be read ({reason(error)}).", f"{source}：无法读取（{reason(error)}）。"))


@contextlib.contextmanager
def _told(source: str) -> Iterator[None]:
    """Errors of the disk and of gzip, wherever in the file they turn up, as sentences."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        what = (
            tr("the gzip file ends too early; it is not whole", "gzip 文件不完整，提前结束")
            if isinstance(error, EOFError)
            else tr("the gzip file is damaged", "gzip 文件已损坏")
        )
        raise DataError(f"{source}: {what}.", tr("fetch or pack it again", "请重新下载或压缩")) from None
    except OSError as error:
        raise _unreadable(source, error) from None


def _with_head(raw) -> tuple[bytes, io.BufferedReader]:
    head = b""
    while len(head) < NUM_HEAD_BYTES and (more := raw.read(NUM_HEAD_BYTES - len(head))):
        head += more
    return head, io.BufferedReader(_Joined(head, raw), 2**20)


class _Counted:
    def __init__(self, file, on_bytes: Callable[[int], None] | None):
        self._file, self._on_bytes = file, on_bytes

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if self._on_bytes and data:
            self._on_bytes(len(data))
        return data


class _Joined(io.RawIOBase):
    """What was read ahead, then the rest."""

    def __init__(self, head: bytes, rest):
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)
