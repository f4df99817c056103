"""A run's checkpoints on the disk: which there are, whether one is whole, which go when a new one stands. Loads none, needs no torch.

A machine that lost power may have left files shorter than they were; such a checkpoint is passed over.
"""

import os
import zipfile
from pathlib import Path

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.model.checkpoint import read_header

PREFIX = "checkpoint-"
STATE = "trainer_state.json"


def of(output_dir: str | Path) -> list[Path]:
    """Checkpoints of a run, the newest last; those that were saved to their end."""
    found = [
        path for path in Path(output_dir).glob(f"{PREFIX}*") if (path / STATE).is_file() and _step(path) is not None
    ]
    return sorted(found, key=_step)


def _step(path: Path) -> int | None:
    number = path.name.removeprefix(PREFIX)
    return int(number) if number.isdigit() else None


def outdated(found: list[Path], newest: Path, limit: int, best_step: int | None = None) -> list[Path]:
    """Of the checkpoints `found`, those that go when `newest` has been written: `limit` stay, `newest` and the best always.
    Those of later steps go first: they are of a run that was taken up again from an earlier one."""
    kept = {path for path in found if path == newest or _step(path) == best_step}
    earlier = [path for path in found if path not in kept and _step(path) < _step(newest)]
    kept.update(earlier[::-1][: max(0, limit - len(kept))])
    return [path for path in found if path not in kept]


def damage(folder: Path) -> Path | None:
    """The first file of a checkpoint that is damaged, or None.

    What is looked at: JSON, the headers of weights against their lengths, the ends of what torch has written.
    """
    for file in (folder / STATE, *sorted(folder.rglob("*.safetensors")), *sorted(folder.rglob("*.pt*"))):
        try:
            if file.suffix == ".safetensors":
                read_header(file)
            elif file.suffix in (".pt", ".pth") and not zipfile.is_zipfile(file):
                return file
            elif file.suffix == ".json":
                foreign.read_json(file)
        except (OSError, ValueError, CheckpointError):
            return file
    return None


def to_disk(folder: Path) -> None:
    """Return when the files in `folder` are on the disk and no longer only on their way: then older ones may go."""
    for file in (*folder.rglob("*"), folder):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
