"""One conversion from beginning to end: check, stream, prove, describe. A folder that is whole, or none.

Prints nothing; `command.py` does. The parts: `target.py` (what it says of itself), `layout.py` (tensors),
`companions.py` (tokenizer and settings), `proof.py`, `card.py`.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from zhinao import files
from zhinao.errors import MissingExtraError, UsageError
from zhinao.export import card, companions, layout, proof, target
from zhinao.family import Release
from zhinao.files import atomic_folder, check_free_space, sweep, write_json
from zhinao.hub import cache
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint
from zhinao.progress import Counter, Reporter, quiet

DEFAULT_SHARD_BYTES = 4 * 10**9
_COMPANION_BYTES = 10**8  # tokenizer files and the like


@dataclass(frozen=True)
class Conversion:
    """What was done. `seconds` is the reading and writing of the weights alone; `parity` is None without a proof."""

    folder: Path
    num_bytes: int
    seconds: float
    parity: dict | None
    notes: tuple[str, ...]

    @property
    def megabytes_per_second(self) -> float:
        return self.num_bytes / 1e6 / max(self.seconds, 1e-9)


def convert(
    source: Path,
    to: str,
    out: Path,
    *,
    name: str | None = None,
    release: Release | None = None,
    is_forced: bool = False,
    proves: bool | None = None,
    max_shard_bytes: int = DEFAULT_SHARD_BYTES,
    command: str = "",
    report: Reporter = quiet,
) -> Conversion:
    """Rewrite the checkpoint in `source` as `to` (`qwen2` or `zhinao`) in the folder `out`.

    `proves` None means: as far as what is installed and the free memory allow, with a note on what was left out.
    `name` and `release` say in the model card where the weights are from; `report` is told about bytes (`hub.progress`). Raises CheckpointError for a model that `to`
    cannot hold, UsageError where `out` may not be replaced, DiskError, MissingExtraError, ProofError.
    """
    out = Path(os.path.abspath(out))
    if proves and not proof.is_possible():
        raise MissingExtraError(tr("torch, which the proof runs the model with,", "证明所需的 torch"), "torch")
    checkpoint = Checkpoint(source)
    target.check(checkpoint, to)
    steps = layout.plan(checkpoint, is_fused=to == "zhinao", adds_bias=True)
    _check_out(out, source, is_forced)
    num_left = sweep(out)  # before room is looked for: it takes as much
    lack = tr("free some space, or name another folder", "请腾出空间，或指定另一个目录")
    check_free_space(out.parent, layout.num_bytes(steps) + _COMPANION_BYTES, lack)
    with atomic_folder(out) as work, Hasher([source / "config.json", *checkpoint.files]) as hasher:
        stop_ids = companions.write(source, work, to, release)
        write_json(work / "config.json", target.config(checkpoint, to))
        counter = Counter(report, tr("weights", "权重"), layout.num_bytes(steps))
        begin = time.perf_counter()
        layout.rewrite(checkpoint, steps, work, max_shard_bytes, counter.add)
        seconds = time.perf_counter() - begin
        parity, notes = _proof(checkpoint, work, proves, stop_ids, report)
        origin = card.Origin(
            name or source.name,
            release,
            checkpoint.architecture.family,
            _fetched_from(source),
            hasher.result(),
            command,
        )
        if parity is not None:
            parity = {"source": {"name": origin.name, "sha256": origin.hashes}, "to": to, **parity}
            write_json(work / "parity.json", parity)
        (work / "README.md").write_text(card.write(origin, to, out.name, checkpoint, parity), encoding="utf-8")
        if num_left:
            notes += (tr("what a killed conversion had left beside it was removed", "已清除上次中断的转换留下的内容"),)
        if not companions.has_tokenizer(source):
            notes += (tr("the source has no tokenizer, so none was written", "源模型没有分词器，因此未写出"),)
    return Conversion(out, layout.num_bytes(steps), seconds, parity, notes)


def _fetched_from(source: Path) -> str:
    """Source, id and revision of a model that the hub keeps; empty for any other folder."""
    known = cache.origin(source)
    return " ".join(str(known[key]) for key in ("source", "id", "revision", "file") if known.get(key))


def _proof(checkpoint: Checkpoint, work: Path, proves: bool | None, stop_ids: tuple[int, ...], report: Reporter):
    """Figures of the proof (None if it was not wanted), and notes on what it leaves out."""
    if proves is False:
        return None, ()
    notes = ()
    if not proof.is_possible():
        lack = tr("torch is not installed", "未安装 torch")
        what = tr("logits, greedy tokens and tokenizer are not compared", "未比较 logits、贪心生成与分词器")
        notes = (f"{what}: {lack} (pip install 'zhinao[torch]')",)
    elif proves is None and (reason := proof.too_large(checkpoint)):
        notes = (reason,)
    parity = proof.prove(
        checkpoint.folder,
        work,
        stop_ids=stop_ids,
        runs_models=not notes,
        report=report,
    )
    return ({**parity, "left_out": list(notes)} if notes else parity), notes


def _check_out(out: Path, source: Path, is_forced: bool) -> None:
    """Only a checkpoint (or an empty folder) is ever replaced, only when asked to, and never the source."""
    is_empty = out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    if is_empty or not (out.exists() or out.is_symlink()):
        return
    if not is_forced:
        raise UsageError(
            tr(f"{out}: exists already.", f"{out}：已存在。"),
            tr("name another folder, or replace it with --force", "请指定另一个目录，或用 --force 替换"),
        )
    target_place, place = out.resolve(), source.resolve()
    if target_place in (place, *place.parents):
        raise UsageError(
            tr(f"{out}: holds the model that is to be converted.", f"{out}：其中正是要转换的模型。"),
            tr("name another folder", "请指定另一个目录"),
        )
    if out.is_symlink() or not (out / "config.json").is_file():
        raise UsageError(
            tr(
                f"{out}: is no model folder, so --force does not replace it.",
                f"{out}：不是模型目录，--force 不会替换它。",
            ),
            tr("name another folder", "请指定另一个目录"),
        )


class Hasher:
    """SHA-256 of the source's files, made by a thread beside the conversion: the same hashes that a hub shows.

    Starts at once; `result` waits for the end. As a context manager it is stopped when the block fails.
    """

    def __init__(self, paths: list[Path]):
        self._paths, self._hashes = paths, {}
        self._error: OSError | None = None
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for path in self._paths:
                self._hashes[path.name] = files.sha256(path, self._on_bytes)
        except InterruptedError:
            pass
        except OSError as error:
            self._error = error

    def _on_bytes(self, _: int) -> None:
        if self._is_stopped.is_set():
            raise InterruptedError

    def result(self) -> dict[str, str]:
        """File name -> hex SHA-256. Raises the OSError that reading met."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._hashes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._is_stopped.set()
        self._thread.join()
