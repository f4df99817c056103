"""`settings.json`: what a run is made of; a run that goes on must be made of the same. Writes nothing: `recorded.py` does, after the first step."""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

from zhinao import foreign
from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.loop import checkpoints, signature
from zhinao.train.parallel import presets, processes
from zhinao.train.settings.settings import TrainSettings

FILE = "settings.json"
# What may change between a run and its continuation: nothing that decides a weight.
_FREE = {
    "output_dir", "save_strategy", "save_steps", "save_total_limit", "resume", "trust_checkpoint", "eval_steps", "eval_data_path",
    "per_device_eval_batch_size", "sample_prompts", "sample_tokens", "logging_steps", "report_to", "run_name",
    "log_on_each_node", "local_rank", "keep_best", "stop_on_spike", "preprocessing_num_workers", "merge", "max_overlong_share", "max_faulty_share",
}  # fmt: skip


def made_of(settings: TrainSettings, model: Path, data_key: str, num_processes: int) -> dict:
    """What decides a run's weights: settings, processes, data, the weights it begins with."""
    return {
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "num_processes": num_processes,
        "data": data_key,
        "weights": weights_hash(model),
    }


def weights_hash(folder: Path) -> str:
    """Of names, sizes and the first and last MiB of each weight file: tens of GB are not read through for it."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        size = file.stat().st_size
        with file.open("rb") as opened:
            head = opened.read(2**20)
            opened.seek(max(0, size - 2**20))
            digest.update(f"{file.name} {size} ".encode() + head + opened.read())
    return digest.hexdigest()


def start_from(settings: TrainSettings) -> Path | None:
    """The checkpoint to go on from, or None for a fresh run.

    Raises UsageError where the folder holds a run that `--resume` did not name, for a checkpoint that is none, and for one that
    is another's and would be opened as a pickle.
    """
    start = _start_from(settings)
    if start and presets.uses_deepspeed(settings) and not settings.trust_checkpoint and processes.is_first():
        signature.check(start)
    return start


def _start_from(settings: TrainSettings) -> Path | None:
    found = checkpoints.of(settings.output_dir)
    if settings.resume is None:
        if found or (Path(settings.output_dir) / FILE).exists():
            raise UsageError(
                tr(f"{settings.output_dir} holds a run already.", f"{settings.output_dir} 中已有一次训练。"),
                tr("--resume auto goes on with it; or choose another --output_dir", "用 --resume auto 继续，或换一个 --output_dir"),
            )  # fmt: skip
        return None
    if settings.resume == "auto":
        return _newest_whole(found)
    chosen = Path(settings.resume)
    if chosen.resolve() in {path.resolve() for path in found}:
        if file := checkpoints.damage(chosen):
            raise UsageError(_damaged(file), "--resume auto")
        return chosen
    names = [path.name for path in found]
    raise UsageError(
        tr(f"--resume {settings.resume}: no whole checkpoint of this run.", f"--resume {settings.resume}：不是本次训练的完整检查点。"),
        suggestion(chosen.name, names) or (tr("there are: ", "现有：") + ", ".join(names) if names else "--resume auto"),
    )  # fmt: skip


def _newest_whole(found: list[Path]) -> Path | None:
    for path in reversed(found):
        file = checkpoints.damage(path)
        if file is None:
            return path
        if processes.is_first():
            print(_damaged(file), file=sys.stderr)
    if found:
        raise UsageError(
            tr("No checkpoint of this run is whole.", "本次训练没有完整的检查点。"),
            tr("start anew in another --output_dir", "请换一个 --output_dir 重新开始"),
        )
    return None


def _damaged(file: Path) -> str:
    return tr(f"{file} is damaged; that checkpoint cannot be used.", f"{file} 已损坏，该检查点无法使用。")


def check_same(output_dir: Path, new: dict) -> None:
    """Raises UsageError naming what differs from the run that is to be continued."""
    file = output_dir / FILE
    if not file.exists():
        return
    try:
        old = foreign.read_json(file)
        if not all(isinstance(old[key], kind) for key, kind in (("settings", dict), ("num_processes", int))):
            raise ValueError
        old["data"], old["weights"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(_damaged(file)) from None
    changed = [
        f"{name}: {old['settings'][name]!r} → {value!r}"
        for name, value in new["settings"].items()
        if name not in _FREE and name in old["settings"] and old["settings"][name] != value
    ]
    changed += [f"{name}: {old[name]!r} → {new[name]!r}" for name in ("num_processes",) if old[name] != new[name]]
    changed += [tr(f"{name} have changed", f"{name} 已改变") for name in ("data", "weights") if old[name] != new[name]]
    if changed:
        raise UsageError(
            tr("This would not be the same run: ", "这将不是同一次训练：") + "; ".join(changed) + ".",
            tr("undo that, or start anew in another --output_dir", "请改回，或换一个 --output_dir 重新开始"),
        )
