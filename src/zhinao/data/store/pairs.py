"""Encoded pairs as the dataset that TRL takes: a view of the same store that holds conversations (`cache.py`).

What TRL computes for them beforehand (the reference's log-probabilities) it keeps beside them, for the other processes and for
a run that is resumed. Imports no torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao import outfile
from zhinao.data.encode import pairs
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.omitted import Omitted
from zhinao.data.encode.overlong import Limit
from zhinao.data.read.read import Found
from zhinao.data.read.sources import STDIN, expand
from zhinao.data.store import cache
from zhinao.data.store.columns import TokenCache
from zhinao.data.store.make import Plan
from zhinao.errors import UsageError
from zhinao.lang import tr

VIEW = "pairs.arrow"  # made of the columns; to be called otherwise once it is made otherwise
COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids")
_NUM_ROWS = 1000  # that are written at once


@dataclass(frozen=True)
class Pairs:
    """`dataset`: a `datasets.Dataset`, memory-mapped, of `documents`, a document each pair (`encode/pairs.py`)."""

    dataset: object
    documents: TokenCache

    @property
    def groups(self) -> np.ndarray:
        """`(N,)` uint64, the same for pairs that are held out together."""
        return self.documents.groups

    @property
    def losses(self) -> Omitted:
        return self.documents.losses

    @property
    def found(self) -> list[Found]:
        """What each file was found to be."""
        return self.documents.found

    @property
    def key(self) -> str:
        """Hex digest of all ids, whatever made them."""
        return self.documents.digest

    def lengths(self) -> np.ndarray:
        """`(2N,)`: tokens of each document that is computed, prompt and answer."""
        ends = self.documents.spans["end"].reshape(-1, 2)
        prompt = self.documents.spans["start"][::2]
        return np.concatenate([ends[:, 0], prompt + ends[:, 1] - ends[:, 0]])

    def num_answered(self) -> int:
        """Tokens of all answers."""
        return int(self.documents.num_supervised.sum())


def build(sources, settings, tokenizer_folder: Path, values: dict[str, str]) -> Pairs:
    """Raises DataError for data that cannot be used, with file and line."""
    from datasets import Dataset

    if STDIN in sources:
        raise UsageError(
            tr("Training cannot read standard input: every epoch reads the data.", "训练不能读取标准输入：每轮都要读数据。"),
            tr("write it to a file first", "请先保存为文件"),
        )  # fmt: skip
    choices = Choices(thoughts=settings.thoughts, rejected=settings.rejected)
    limit = Limit(settings.model_max_length, "drop")
    plan = Plan(Path(tokenizer_folder), choices, limit, [], settings.format, values, makes="pairs")
    documents = cache.kept(
        list(dict.fromkeys(expand(sources).files)),
        plan,
        max_faulty_share=settings.max_faulty_share,
        num_workers=settings.preprocessing_num_workers,
        also=_write_view,
    )
    pairs.check(documents.losses, limit, settings.max_overlong_share if settings.overlong == "error" else None)
    return Pairs(Dataset.from_file(str(documents.folder / VIEW)), documents)


def _write_view(folder: Path) -> None:
    """A column for each part of the pairs that stand in `folder`, beside them, where it is not there yet."""
    import pyarrow as pa

    if (folder / VIEW).exists():
        return
    documents = TokenCache.open(folder)
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in COLUMNS])
    with outfile.writing(folder / VIEW) as file, pa.ipc.new_stream(file, schema) as stream:
        for first in range(0, len(documents), _NUM_ROWS):
            rows = [pairs.parted(documents[n]) for n in range(first, min(first + _NUM_ROWS, len(documents)))]
            columns = [pa.array(column, pa.list_(pa.int32())) for column in zip(*rows, strict=True)]
            stream.write_batch(pa.record_batch(columns, schema))
