"""Whether a checkpoint is whole: a machine that lost power may have left files shorter than they were. Loads none of them."""

import os
import zipfile
from pathlib import Path

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.model.checkpoint import read_header


def damage(folder: Path, state: str) -> Path | None:
    """The first file of a checkpoint that is damaged, or None. `state`: the name of its file of the trainer's state.

    What is looked at: JSON, the headers of weights against their lengths, the ends of what torch has written.
    """
    for file in (folder / state, *sorted(folder.rglob("*.safetensors")), *sorted(folder.rglob("*.pt*"))):
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
