"""Parquet, some rows at a time. Needs pyarrow, which is imported when a file is opened.

A few bytes may stand for any number of large texts (a dictionary, of which each row names one): so few rows are taken at a time
that their texts fit into memory.
"""

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Iterator

from zhinao.data.read.containers.stream import MAX_RECORD_BYTES, Stream, too_large
from zhinao.data.read.sources import STDIN
from zhinao.data.sample import DataError, Place
from zhinao.errors import MissingExtraError
from zhinao.lang import counted, tr

MAGIC = b"PAR1"
NUM_ROWS = 256
_MAX_BATCH_BYTES = 2**28
_DICTIONARY_PAGE = re.compile(rb"\x15\x04\x15([\x80-\xff]{0,4}[\x00-\x7f])")  # its type (2), its size; Thrift, zigzag
_WITH_SCHEMA = ("arguments", "tools", "functions")


def records(stream: Stream) -> Iterator[tuple[Place, dict]]:
    """Null cells and null fields are left out: in parquet every message has the fields of all. Those in tools and arguments are
    `formats/nulls.py`'s. Raises DataError."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "train") from None
    num_records = 0
    try:
        with _seekable(stream) as file, pa.parquet.ParquetFile(file) as table:
            num_bytes = os.path.getsize(stream.source) if stream.source != STDIN and not stream.is_gzip else 0
            for batch in table.iter_batches(_num_rows(file, table.metadata)):
                stream.on_bytes(num_bytes * len(batch) // table.metadata.num_rows)
                for part in _parts(batch, Place(stream.source, None, num_records + 1)):
                    for row in part.to_pylist():
                        num_records += 1
                        yield Place(stream.source, None, num_records), _without_nulls(row)
    except (pa.ArrowException, OSError, ValueError) as error:  # a damaged file gives all of them
        what = tr(
            f"is no whole parquet file (after {counted(num_records, 'row')})",
            f"不是完整的 parquet 文件（已读 {num_records} 行）",
        )
        raise DataError(
            tr(f"{stream.source}: {what}.", f"{stream.source}：{what}。"), " ".join(str(error).split())[:200] or None
        ) from None


def _num_rows(file, metadata) -> int:
    """How many rows are read at once: fewer where each could hold a large text that stands in the file once for all of them."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    most = max(
        (sum(_repeatable(file, group.column(n)) for n in range(group.num_columns)) for group in groups), default=0
    )
    return max(1, min(NUM_ROWS, _MAX_BATCH_BYTES // max(most, 1)))


def _repeatable(file, column) -> int:
    """Bytes of a column that several rows can share: its dictionary by its own header (the index at the file's end may say anything),
    or all where each text may begin as the one before."""
    if column.physical_type not in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"):
        return 0
    if "DELTA_BYTE_ARRAY" in column.encodings:
        return column.total_uncompressed_size
    file.seek(min(column.dictionary_page_offset or column.data_page_offset, column.data_page_offset))
    found = _DICTIONARY_PAGE.match(file.read(16))
    if not found:
        return column.total_uncompressed_size if column.has_dictionary_page else 0
    return sum((byte & 0x7F) << 7 * n for n, byte in enumerate(found[1])) >> 1


def _parts(batch, place: Place) -> Iterator:
    """The rows of a batch, of which `place` is the first, in parts of some MB. Raises DataError for a row that is larger."""
    if batch.nbytes <= MAX_RECORD_BYTES:
        yield batch
    elif len(batch) == 1:
        raise too_large(place)
    else:
        half = len(batch) // 2
        yield from _parts(batch.slice(0, half), place)
        yield from _parts(batch.slice(half), dataclasses.replace(place, record=place.record + half))


@contextlib.contextmanager
def _seekable(stream: Stream):
    """The file itself, or a copy of what comes through a pipe or gzip: a parquet file's index stands at its end."""
    if stream.source != STDIN and not stream.is_gzip:
        with open(stream.source, "rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream.bytes, copy, 2**20)
        yield copy


def _without_nulls(value):
    if isinstance(value, dict):
        kept = ((key, inner) for key, inner in value.items() if inner is not None)
        return {key: inner if key in _WITH_SCHEMA else _without_nulls(inner) for key, inner in kept}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
