"""Parquet, some rows at a time. Needs pyarrow, which is imported when a file is opened."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from zhinao.data.read.containers.stream import Stream
from zhinao.data.read.sources import STDIN
from zhinao.data.sample import DataError, Place
from zhinao.errors import MissingExtraError
from zhinao.lang import counted, tr

MAGIC = b"PAR1"
NUM_ROWS = 256
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
            for batch in table.iter_batches(NUM_ROWS):
                stream.on_bytes(num_bytes * len(batch) // table.metadata.num_rows)
                for row in batch.to_pylist():
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
