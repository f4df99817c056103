"""An output folder that holds what no run of ours wrote: a model, a project, somebody's home. A run would write over it.

A folder of an earlier run is `record.py`'s business, one in which a run is under way `claim.py`'s. Only looks.
"""

import fnmatch
import os
from pathlib import Path

from zhinao import foreign
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.loop import checkpoints, record

RUN = "run.json"
# What a run writes, and what only a model has: anybody's file of such a name would be lost, or taken for the run's.
_WRITTEN = (
    "config.json", "generation_config.json", "adapter_config.json", "settings.json", "run.json", "run.html", "log.jsonl", "samples.jsonl",
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "*.gguf", "tokenizer*.json", "special_tokens_map.json", "chat_template*",
    "vocab", "README.md", "LICENSE*", "LICENCE*", "checkpoint-*", "merged",
)  # fmt: skip
_LOGS = ("*.log", "*.out", "*.err", "*.txt", "logs")  # of the shell, the batch system or our launcher
_NUM_NAMES = 3


def check(folder: Path) -> None:
    """Raises UsageError naming what stands in `folder`, which is to be a run's. One that is new, empty or a run's own is fine."""
    if not folder.is_dir() or is_own(folder):
        return
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    lost = [name for name in found if _matches(name, _WRITTEN)]
    if not lost and _holds_work(folder):
        lost = [name for name in found if not _matches(name, _LOGS)]
    if lost:
        names = ", ".join(lost[:_NUM_NAMES]) + (" …" if len(lost) > _NUM_NAMES else "")
        raise UsageError(
            tr(
                f"--output_dir: {folder} is no folder of a run; what stands there could be overwritten: {names}.",
                f"--output_dir：{folder} 不是训练目录，其中已有的内容可能被覆盖：{names}。",
            ),
            tr("a new folder: --output_dir runs/first", "请用新目录：--output_dir runs/first"),
        )


def is_own(folder: Path) -> bool:
    """Whether a run of ours has been there, by its records or its checkpoints."""
    return bool(checkpoints.of(folder)) or any(
        keys <= _keys(folder / name) for name, keys in ((record.FILE, {"settings", "weights"}), (RUN, {"sessions"}))
    )


def _keys(file: Path) -> set:
    try:
        return set(foreign.read_json(file))
    except (OSError, ValueError, TypeError):
        return set()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _holds_work(folder: Path) -> bool:
    """Whether it is where the user stands, or above that: `.`, `..`, a home."""
    here = Path.cwd()
    return any(os.path.samefile(folder, one) for one in (here, *here.parents))
