"""What a run would fail at after minutes, found before data and model: packages, the place for its output, the device, DeepSpeed's
file. What settings alone tell is `TrainSettings.check`'s business. Imports torch when called.
"""

import os
import tempfile
from pathlib import Path

from zhinao.errors import DiskError, UsageError
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.checkpoint import refuse_adapter
from zhinao.oserrors import reason
from zhinao.train.loop import foreign_folder
from zhinao.train.net import context, sizes
from zhinao.train.parallel import processes
from zhinao.train.settings import packages
from zhinao.train.settings.settings import TrainSettings


def check(settings: TrainSettings) -> tuple[TrainSettings, list[str]]:
    """What `training_arguments.decided` makes of settings that have been checked, after `processes.prepare` (the place for the output:
    `check_place`). Raises UsageError, DiskError, MissingExtraError."""
    packages.check(settings)
    from zhinao.train.loop import training_arguments

    settings, notes = training_arguments.decided(settings)  # the device, and DeepSpeed's file
    if settings.method == "qlora" and not packages.is_installed("bitsandbytes"):
        raise packages.missing("bitsandbytes")
    return settings, notes


def check_model(settings: TrainSettings, folder: Path, is_resumed: bool = False) -> None:
    """What the model in `folder` does not allow, and whether the disk holds what the run writes. Raises UsageError, DiskError,
    CheckpointError."""
    from zhinao.train.loop import room

    refuse_adapter(folder)
    arch = architecture.read(folder)
    context.check(settings, arch)
    if processes.is_first():
        room.check(settings, sizes.of(arch), is_resumed)


def check_place(output_dir: Path, source: str | None = None) -> None:
    """Raises UsageError where `output_dir` is no folder, holds the model that is to be trained (`source`) or what no run wrote,
    DiskError where nothing can be written. Leaves nothing behind."""
    if source and Path(source).is_dir() and output_dir.is_dir() and os.path.samefile(source, output_dir):
        raise UsageError(
            tr(
                f"--output_dir: {output_dir} holds the model that is to be trained; it would be overwritten.",
                f"--output_dir：{output_dir} 中是要训练的模型，会被覆盖。",
            ),
            tr("choose another --output_dir", "请换一个 --output_dir"),
        )
    if processes.is_first():  # what others find there may be this run's already
        foreign_folder.check(output_dir)
    there = next(path for path in (output_dir.absolute(), *output_dir.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise UsageError(
            tr(f"--output_dir: {there} is no folder.", f"--output_dir：{there} 不是目录。"), "--output_dir …"
        )
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise DiskError(
            tr(
                f"--output_dir: {there} cannot be written ({reason(error)}).",
                f"--output_dir：{there} 无法写入（{reason(error)}）。",
            ),
            tr("choose another --output_dir", "请换一个 --output_dir"),
        ) from None
