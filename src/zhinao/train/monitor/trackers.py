"""TensorBoard always, W&B and SwanLab by name: transformers' own callbacks, found and set up. Writes no numbers itself."""

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations import SwanLabCallback, TensorBoardCallback, WandbCallback

from zhinao.config import suggestion
from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr

NAMES = ("tensorboard", "wandb", "swanlab", "none")


class TensorBoard(TensorBoardCallback):
    """One folder for a run and all its resumed parts; steps that a resumed run repeats are purged."""

    def __init__(self, folder: Path):
        super().__init__()
        self.logging_dir = str(folder)

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            purged = state.global_step + 1 if state.global_step else None
            self.tb_writer = self._SummaryWriter(log_dir=self.logging_dir, purge_step=purged)
        super().on_train_begin(args, state, control, **kwargs)


def trackers(report_to: str | Iterable[str] | None, output_dir: Path) -> list[TrainerCallback]:
    """Callbacks for what `--report_to` names, and TensorBoard where it is installed.

    `none` names none, and leaves TensorBoard. Raises UsageError for an unknown name, MissingExtraError for a named
    package that is not there.
    """
    names = {report_to} if isinstance(report_to, str) else set(report_to or ())
    for name in sorted(names - set(NAMES)):
        raise UsageError(
            tr(f"--report_to {name}: not known.", f"--report_to {name}：未知的名称。"),
            suggestion(name, NAMES) or ", ".join(NAMES),
        )
    for name in sorted(names - {"none"}):
        if not _is_installed(name):
            raise _missing(name)
    found: list[TrainerCallback] = []
    if _is_installed("tensorboard"):
        found.append(TensorBoard(Path(output_dir) / "tensorboard"))
    else:
        print(_missing("tensorboard"), file=sys.stderr)
    if "wandb" in names:
        found.append(WandbCallback())
    if "swanlab" in names:
        found.append(SwanLabCallback())
    return found


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _missing(package: str) -> MissingExtraError:
    error = MissingExtraError(package, "train")
    if package != "tensorboard":  # in no extra of ours
        error.hint = f"pip install {package}"
    return error
