"""What a run would fail at after minutes, found before data and model: packages, the place for its output, the device, DeepSpeed's
file. What settings alone tell is `TrainSettings.check`'s business. Imports torch when called.
"""

import importlib.util
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from zhinao.config import suggestion
from zhinao.errors import DiskError, MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.checkpoint import refuse_adapter
from zhinao.oserrors import reason
from zhinao.train.net import context, sizes
from zhinao.train.parallel import processes
from zhinao.train.settings import foreign_folder, optimizers
from zhinao.train.settings.settings import TrainSettings

TRACKERS = ("tensorboard", "wandb", "swanlab", "none")


def check(settings: TrainSettings) -> tuple[TrainSettings, list[str]]:
    """What `arguments.decided` makes of settings that have been checked, after `processes.prepare` (the place for the output:
    `check_place`). Raises UsageError, DiskError, MissingExtraError."""
    check_trackers(settings.report_to)
    optimizers.check_package(settings.optim)
    from zhinao.train.settings import arguments

    settings, said = arguments.decided(settings)  # the device, and DeepSpeed's file
    if settings.method == "qlora" and not is_installed("bitsandbytes"):
        raise missing("bitsandbytes")
    return settings, said


def check_model(settings: TrainSettings, folder: Path, is_resumed: bool = False) -> None:
    """What the model in `folder` does not allow, and whether the disk holds what the run writes. Raises UsageError, DiskError,
    CheckpointError."""
    from zhinao.train.settings import room

    refuse_adapter(folder)
    arch = architecture.read(folder)
    context.check(settings, arch)
    if is_first():
        room.check(settings, sizes.of(arch), is_resumed)


def is_first() -> bool:
    """Whether this process is the one that speaks and writes, by what launchers tell it."""
    return processes.rank() == 0


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
    if is_first():  # what others find there may be this run's already
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


def check_trackers(report_to: str | Iterable[str] | None) -> set[str]:
    """What `--report_to` names. Raises UsageError for an unknown name, MissingExtraError for a package that is not there."""
    names = {report_to} if isinstance(report_to, str) else set(report_to or ())
    for name in sorted(names - set(TRACKERS)):
        raise UsageError(
            tr(f"--report_to {name}: not known.", f"--report_to {name}：未知的名称。"),
            suggestion(name, TRACKERS) or ", ".join(TRACKERS),
        )
    for name in sorted(names - {"none"}):
        if not is_installed(name):
            raise missing(name)
    return names


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def missing(package: str) -> MissingExtraError:
    error = MissingExtraError(package, "train")
    if package != "tensorboard":  # in no extra of ours
        error.hint = f"pip install {package}"
    return error
