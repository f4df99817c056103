"""Reads training data and writes its cache: batches of samples go to workers, columns come back in order.

Keeps no cache and checks no shares; that is `cache.py`'s business.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from zhinao.data import holdout
from zhinao.data.encode import overlong, pairs
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.omitted import Omitted
from zhinao.data.encode.overlong import Limit
from zhinao.data.encode.substitute import substitute
from zhinao.data.read.read import read
from zhinao.data.read.sources import stamp
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.data.store import columns, workers
from zhinao.lang import counted, tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.progress import Counter, Reporter, shown

NUM_FAULTS = 100  # that are kept and shown
_NUM_BATCH_CHARACTERS = 400_000
_MAX_WORKERS = 24  # reading takes a 25th of the time that encoding takes: more would wait for it
_ENCODERS = {"documents": overlong, "pairs": pairs}  # modules with `fit` and `nothing_left`
_NUM_ALONE_BYTES = 4_000_000  # files smaller than this are encoded before other processes would have started


@dataclass(frozen=True)
class Plan:
    """What decides, besides the data, how it is encoded. `makes`: `documents` of samples, or of `pairs` (`encode/pairs.py`)."""

    tokenizer_folder: Path
    choices: Choices
    limit: Limit
    kinds: list[str]
    format: str | None
    values: dict[str, str]
    makes: str = "documents"

    @property
    def encoder(self) -> ModuleType:
        return _ENCODERS[self.makes]

    def to_json(self) -> dict:
        """JSON values; the tokenizer counts by its content, not by its place."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "tokenizer_folder"}


def make(
    folder: Path,
    data_files: Sequence[str],
    plan: Plan,
    *,
    stops_at_fault: bool,
    num_workers: int | None,
    reporter: Reporter | None,
) -> dict:
    """Write the columns of all documents into `folder`; what is to stand beside them (`columns.META`).

    Raises DataError where nothing is left to train, and for the first faults where `stops_at_fault`.
    """
    num_bytes = sum(stamp(file)[0] for file in data_files)
    if num_workers is None:
        num_workers = min(workers.num_available(), _MAX_WORKERS) if num_bytes > _NUM_ALONE_BYTES else 1
    losses, faults, found = Omitted(), [], []
    number_of = {file: number for number, file in enumerate(data_files)}
    with shown(reporter) as report:
        counter = Counter(report, tr("encoding the data", "编码数据"), num_bytes)
        items = read(data_files, kind=plan.kinds, format=plan.format, on_file=found.append, on_bytes=counter.add)
        made = workers.in_order(_encode, _batches(items), num_workers, _start, (plan, number_of))
        num_documents, digest = columns.write(folder, _gathered(made, losses, faults, stops_at_fault))
    if not num_documents:
        raise_faults(faults)
        raise plan.encoder.nothing_left(losses, plan.limit)
    return {
        "digest": digest,
        "files": list(data_files),
        "found": [file.to_json() for file in found],
        "losses": losses.to_json(),
        "faults": [dataclasses.asdict(fault) for fault in faults],
    }


def _batches(items: Iterable[Sample | Fault]) -> Iterator[list[Sample | Fault]]:
    """Batches of about equal work. Where they are cut does not show in the result."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += 200 + (0 if isinstance(item, Fault) else _num_characters(item))
        if size >= _NUM_BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _num_characters(sample: Sample) -> int:
    messages = (*sample.messages, *sample.chosen, *sample.rejected)
    said = sum(len(str(message.get("content"))) for message in messages)
    return said + len(sample.text) + len(sample.prompt) + len(sample.completion)


_worker: tuple = ()  # in a process that encodes: tokenizer, plan, number of each file


def _start(plan: Plan, number_of: dict[str, int]) -> None:
    global _worker
    _worker = (Tokenizer.load(plan.tokenizer_folder), plan, number_of)


def _encode(batch: list[Sample | Fault]):
    """Columns of the documents of a batch, what was lost, and the faults."""
    tokenizer, plan, number_of = _worker
    losses, faults, documents, groups = Omitted(), [], [], []
    for item in batch:
        if isinstance(item, Fault):
            made = losses.add_fault(item)
        else:
            made = plan.encoder.fit(substitute(item, plan.values), tokenizer, plan.choices, plan.limit, losses)
        if isinstance(made, Fault):
            faults.append(made)
        else:
            documents += made
            groups += [holdout.group(item)] * len(made)
    return columns.columns_of(documents, groups, number_of), losses, faults


def _gathered(results, losses: Omitted, faults: list[Fault], stops_at_fault: bool) -> Iterator[dict]:
    """The columns, one batch after another, while `losses` and `faults` grow."""
    for made, lost, found in results:
        losses.merge(lost)
        faults += found[: NUM_FAULTS - len(faults)]
        if stops_at_fault:
            raise_faults(faults)
        yield made


def raise_faults(faults: Sequence[Fault], num_faulty: int = 0, num_items: int = 0) -> None:
    """Raises DataError with the first of them, where there are any. The counts are shown where they are known."""
    if not faults:
        return
    shown = "\n".join(f"  {fault}" for fault in faults[:10])
    if num_items:
        what = tr(
            f"{num_faulty:,} of {counted(num_items, 'item')} cannot be used:",
            f"{num_items:,} 条数据中有 {num_faulty:,} 条无法使用：",
        )
    else:
        what = tr("There are items that cannot be used:", "有数据无法使用：")
    raise DataError(
        f"{what}\n{shown}",
        tr(
            f"zhinao data check {faults[0].place.source} lists all, --fix repairs; --max_faulty_share 0.01 leaves out up to 1 %",
            f"zhinao data check {faults[0].place.source} 列出全部，--fix 可修复；--max_faulty_share 0.01 允许略过至多 1 %",
        ),
    )
