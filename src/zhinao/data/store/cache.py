"""Training data encoded once, before any process group exists, and kept: `build(...)` gives a `TokenCache`.

`kept(...)` is the store itself, for conversations and for pairs (`pairs.py`). Knows neither mixing by weight nor packing, which
choose among the documents of a cache.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from zhinao import files
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.overlong import Limit
from zhinao.data.read.sources import STDIN, expand, put_aside, say_skipped, stamp
from zhinao.data.sample import DataError
from zhinao.data.store import columns
from zhinao.data.store import key as cache_key
from zhinao.data.store.columns import TokenCache
from zhinao.data.store.make import Plan, make, raise_faults
from zhinao.errors import UsageError
from zhinao.files import PARTIAL, atomic_folder
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.progress import Reporter

MAX_KEPT_BYTES = 50 * 10**9  # of all caches together; the one in use is kept whatever its size


def build(
    sources: Sequence[str],
    tokenizer_folder: str | Path,
    choices: Choices,
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
    """The documents of `sources` (files, folders, patterns, `-`), encoded by worker processes, or taken from disk if they were.

    The result does not depend on `num_workers` (None: by the processors and the size of the data). Several processes on one
    machine that ask for the same build it once, and nothing is left of a build that was interrupted. `kind` and `format` as
    for `read`; `values` are put in place of `{{NAME}}` (`substitute.py`); `reporter` as in `progress.py`.
    Raises DataError for items that cannot be used, where their share is above `max_faulty_share`; for too many samples over
    the limit, where `overlong` is `error` (`overlong.py`); and where nothing is left to train.
    """
    kinds = [kind] if isinstance(kind, str) else sorted(kind or ())
    plan = Plan(Path(tokenizer_folder), choices, Limit(model_max_length, overlong), kinds, format, dict(values or {}))
    cache = kept(sources, plan, max_faulty_share=max_faulty_share, num_workers=num_workers, reporter=reporter)
    cache.losses.check(model_max_length, max_overlong_share if overlong == "error" else None)
    return cache


def kept(
    sources: Sequence[str],
    plan: Plan,
    *,
    max_faulty_share: float,
    num_workers: int | None = None,
    reporter: Reporter | None = None,
    also: Callable[[Path], None] | None = None,
) -> TokenCache:
    """As `build`, whatever the share over the limit. `also(folder)` may add what a certain reader needs; one process
    at a time is there."""
    Tokenizer.load(plan.tokenizer_folder)  # whatever is wrong with it is said here, not by a worker
    with put_aside(STDIN in sources):
        expanded, skipped = _expanded(sources)
        key = cache_key.digest(list(expanded), plan.tokenizer_folder, plan.to_json())
        folder = files.private_home("data") / key
        with files.lock(folder.with_name(f"{key}.lock")):
            if not (folder / columns.META).exists():
                say_skipped(skipped)
                how_to = {"stops_at_fault": not max_faulty_share, "num_workers": num_workers, "reporter": reporter}
                _build(folder, sources, expanded, plan, **how_to)
            if also:
                also(folder)
            cache = TokenCache.open(folder)
            folder.touch()
    prune()
    total = cache.losses.total
    if total.num_faulty > max_faulty_share * total.num_samples:
        raise_faults(cache.faults, total.num_faulty, total.num_samples)
    return cache


def prune(max_bytes: int = MAX_KEPT_BYTES) -> list[Path]:
    """Remove the caches that were not used for longest until the others have at most `max_bytes`; the newest always stays.
    The folders that are gone."""
    home, gone, total = files.home() / "data", [], 0
    kept = [file.parent for file in home.glob(f"*/{columns.META}") if PARTIAL not in file.parent.name]
    for number, folder in enumerate(sorted(kept, key=lambda f: f.stat().st_mtime, reverse=True)):
        total += sum(file.stat().st_size for file in folder.iterdir())
        if number and total > max_bytes:
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
    return gone


def _expanded(sources: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Each file with the number of the source that names it; and what is no data by its name."""
    result: dict[str, int] = {}
    skipped: list[str] = []
    for number, source in enumerate(map(str, sources)):
        expanded = expand([source])
        skipped += expanded.skipped
        for file in expanded.files:
            if file in result:
                raise UsageError(
                    tr(f"{file} is named twice.", f"{file} 被指定了两次。"),
                    tr("to train it more often: --data_weights 2", "如需多次训练：--data_weights 2"),
                )
            result[file] = number
    return result, skipped


def _build(target: Path, sources: Sequence[str], expanded: dict[str, int], plan: Plan, **how_to) -> None:
    data_files = list(expanded)
    before = list(map(stamp, data_files))
    files.check_free_space(target, 2 * sum(size for size, _ in before))
    with atomic_folder(target, is_private=True) as folder:
        meta = make(folder, data_files, plan, **how_to)
        for file, old, new in zip(data_files, before, map(stamp, data_files), strict=True):
            if old != new:
                raise DataError(tr(f"{file}: was changed while it was read.", f"{file}：读取过程中文件被修改。"))
        named = {"key": target.name, "sources": list(map(str, sources)), "source_of_file": list(expanded.values())}
        columns.write_meta(folder, **named, **meta)
