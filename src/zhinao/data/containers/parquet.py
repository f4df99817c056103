"""Parquet, some rows at a time. Needs pyarrow, which is imported when a file is opened."""

import io
import shutil
import tempfile
from collections.abc import Iterator

from zhinao.data.sample import DataError, Place
from zhinao.errors import MissingExtraError
from zhinao.lang import tr

MAGIC = b"PAR1"
NUM_ROWS = 256


def records(source: str, file: io.BufferedReader) -> Iterator[tuple[Place, dict]]:
    """Null cells and null fields are left out: in parquet every message has the fields of all. Raises DataError."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "train") from None
    with tempfile.TemporaryFile() as copy:  # its index stands at the end, and a pipe or gzip cannot go there
        shutil.copyfileobj(file, copy, 2**20)
        num_records = 0
        try:
            table = pa.parquet.ParquetFile(copy)
            for batch in table.iter_batches(NUM_ROWS):
                for row in batch.to_pylist():
                    num_records += 1
                    yield Place(source, None, num_records), _without_nulls(row)
        except pa.ArrowException as error:
            what = tr(
                f"is no whole parquet file (after {num_records} rows)",
                f"不是完整的 parquet 文件（已读 {num_records} 行）",
            )
            raise DataError(tr(f"{source}: {what}.", f"{source}：{what}。"), str(error).splitlines()[0][:200]) from None


def _without_nulls(value):
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
