"""Training data encoded once, before any process group exists, and kept: `build(...)` gives a `TokenCache`.

Knows neither mixing by weight nor packing, which choose among the documents of a cache.
"""

import dataclasses
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao import files
from zhinao.data import cache_key, cache_store, workers
from zhinao.data.cache_store import TokenCache
from zhinao.data.how import How
from zhinao.data.losses import LossTable
from zhinao.data.overlong import Limit, fit
from zhinao.data.read import read
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.data.sources import STDIN, expand
from zhinao.data.substitute import substitute
from zhinao.errors import UsageError
from zhinao.files import PARTIAL, atomic_folder
from zhinao.hub.progress import Counter, Reporter, shown
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer

NUM_FAULTS = 100  # that are kept and shown
MAX_KEPT_BYTES = 50 * 10**9  # of all caches together; the one in use is kept whatever its size
_NUM_BATCH_CHARACTERS = 400_000
_NUM_ALONE_BYTES = 4_000_000  # files smaller than this are encoded before other processes would have started


@dataclass(frozen=True)
class Plan:
    """What decides, besides the data, how it is encoded."""

    tokenizer_folder: Path
    how: How
    limit: Limit
    kinds: list[str]
    format: str | None
    values: dict[str, str]

    def choices(self) -> dict:
        """JSON values; the tokenizer counts by its content, not by its place."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "tokenizer_folder"}


def build(
    sources: Sequence[str],
    tokenizer_folder: str | Path,
    how: How,
    *,
    model_max_length: int,
    overlong: str = "error",
    max_overlong_share: float = 0.01,
    max_faulty_share: float = 0.0,
    kind: str | Collection[str] | None = None,
    format: str | None = None,
    values: Mapping[str, str] | None = None,
    num_workers: int | None = None,
    reporter: Reporter | None = None,
) -> TokenCache:
    """The documents of `sources` (files, folders, patterns), encoded by worker processes, or taken from disk if they were.

    The result does not depend on `num_workers` (None: by the processors and the size of the data). Several processes on one
    machine that ask for the same build it once, and nothing is left of a build that was interrupted. `kind` and `format` as
    for `read`; `values` are put in place of `{{NAME}}` (`substitute.py`); `reporter` as in `hub/progress.py`.
    Raises DataError for items that cannot be used, where their share is above `max_faulty_share`; for too many samples over
    the limit, where `overlong` is `error` (`overlong.py`); and where nothing is left to train.
    """
    kinds = [kind] if isinstance(kind, str) else sorted(kind or ())
    plan = Plan(Path(tokenizer_folder), how, Limit(model_max_length, overlong), kinds, format, dict(values or {}))
    Tokenizer.load(plan.tokenizer_folder)  # whatever is wrong with it is said here, not by a worker
    expanded, skipped = _expanded(sources)
    key = cache_key.digest(list(expanded), plan.tokenizer_folder, plan.choices())
    kept = files.home() / "data" / key
    with files.lock(kept.with_name(f"{key}.lock")):
        if not (kept / cache_store.META).exists():
            for name in skipped:
                print(
                    tr(f"not read, no data by its name: {name}", f"未读取（后缀不是数据文件）：{name}"), file=sys.stderr
                )
            _build(kept, sources, expanded, plan, max_faulty_share, num_workers, reporter)
        cache = TokenCache.open(kept)
        kept.touch()
    prune()
    _check(cache, plan.limit, max_overlong_share, max_faulty_share)
    return cache


def prune(max_bytes: int = MAX_KEPT_BYTES) -> list[Path]:
    """Remove the caches that were not used for longest until the others have at most `max_bytes`; the newest always stays.
    The folders that are gone."""
    home, gone, total = files.home() / "data", [], 0
    kept = [file.parent for file in home.glob(f"*/{cache_store.META}") if PARTIAL not in file.parent.name]
    for number, folder in enumerate(sorted(kept, key=lambda f: f.stat().st_mtime, reverse=True)):
        total += sum(file.stat().st_size for file in folder.iterdir())
        if number and total > max_bytes:
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
    return gone


def _expanded(sources: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Each file with the number of the source that names it; and what is no data by its name."""
    if STDIN in sources:
        raise UsageError(
            tr(
                "Training cannot read standard input: every epoch reads the data.",
                "训练不能读取标准输入：每轮都要读数据。",
            ),
            tr("write it to a file first", "请先保存为文件"),
        )
    result: dict[str, int] = {}
    skipped: list[str] = []
    for number, source in enumerate(map(str, sources)):
        expanded = expand([source])
        skipped += expanded.skipped
        for file in expanded.files:
            result.setdefault(file, number)
    return result, skipped


def _build(
    target: Path, sources, expanded: dict[str, int], plan: Plan, max_faulty_share: float, num_workers, reporter
) -> None:
    num_bytes = sum(Path(file).stat().st_size for file in expanded)
    files.check_free_space(target, num_bytes * 2)
    if num_workers is None:
        num_workers = workers.num_available() if num_bytes > _NUM_ALONE_BYTES else 1
    losses, faults, found = LossTable(), [], []
    number_of = {file: number for number, file in enumerate(expanded)}
    with atomic_folder(target) as folder, shown(reporter) as report:
        counter = Counter(report, tr("encoding the data", "编码数据"), num_bytes)
        items = read(list(expanded), kind=plan.kinds, format=plan.format, on_file=found.append, on_bytes=counter.add)
        made = workers.in_order(_encode, _batches(items), num_workers, _start, (plan, number_of))
        if not cache_store.write(folder, _gathered(made, losses, faults, max_faulty_share)):
            _raise_faults(faults)
            losses.check(plan.limit.num_tokens, 0)
            raise DataError(tr("Nothing is left to train.", "没有剩下任何可训练的数据。"))
        cache_store.write_meta(
            folder,
            key=target.name,
            sources=list(map(str, sources)),
            files=list(expanded),
            source_of_file=list(expanded.values()),
            found=[dataclasses.asdict(file) for file in found],
            losses=losses.to_json(),
            faults=[dataclasses.asdict(fault) for fault in faults],
        )


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
    said = sum(len(str(message.get("content"))) for message in sample.messages)
    return said + len(sample.text) + len(sample.prompt) + len(sample.completion)


_worker: tuple = ()  # in a process that encodes: tokenizer, plan, number of each file


def _start(plan: Plan, number_of: dict[str, int]) -> None:
    global _worker
    _worker = (Tokenizer.load(plan.tokenizer_folder), plan, number_of)


def _encode(batch: list[Sample | Fault]):
    """Columns of the documents of a batch, what was lost, and the faults."""
    tokenizer, plan, number_of = _worker
    losses, faults, documents = LossTable(), [], []
    for item in batch:
        if isinstance(item, Fault):
            made = losses.add_fault(item)
        else:
            made = fit(substitute(item, plan.values), tokenizer, plan.how, plan.limit, losses)
        if isinstance(made, Fault):
            faults.append(made)
        else:
            documents += made
    return cache_store.columns_of(documents, number_of), losses, faults


def _gathered(results, losses: LossTable, faults: list[Fault], max_faulty_share: float) -> Iterator[dict]:
    """The columns, one batch after another, while `losses` and `faults` grow. Where no fault is allowed, the first ends it."""
    for columns, lost, found in results:
        losses.merge(lost)
        faults += found[: NUM_FAULTS - len(faults)]
        if not max_faulty_share:
            _raise_faults(faults)
        yield columns


def _raise_faults(faults: Sequence[Fault], num_all: int | None = None) -> None:
    if not faults:
        return
    shown = "\n".join(f"  {fault}" for fault in faults[:10])
    num = f"{num_all:,}" if num_all else ""
    what = tr(f"{num or 'Some'} items cannot be used:", f"有 {num} 条数据无法使用：" if num else "有数据无法使用：")
    raise DataError(
        f"{what}\n{shown}",
        tr(
            f"zhinao data check {faults[0].place.source} lists all, --fix repairs; --max_faulty_share 0.01 leaves out up to 1 %",
            f"zhinao data check {faults[0].place.source} 列出全部，--fix 可修复；--max_faulty_share 0.01 允许略过至多 1 %",
        ),
    )


def _check(cache: TokenCache, limit: Limit, max_overlong_share: float, max_faulty_share: float) -> None:
    total = cache.losses.total
    if total.num_faulty > max_faulty_share * total.num_samples:
        _raise_faults(cache.faults, total.num_faulty)
    cache.losses.check(limit.num_tokens, max_overlong_share if limit.policy == "error" else None)
