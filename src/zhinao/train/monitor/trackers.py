"""TensorBoard always, W&B and SwanLab by name: transformers' own callbacks, found and set up. Writes no numbers itself."""

import sys
from collections.abc import Iterable
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations import SwanLabCallback, TensorBoardCallback, WandbCallback

from zhinao.train.settings import packages


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
    names = packages.check_trackers(report_to)
    found: list[TrainerCallback] = []
    if packages.is_installed("tensorboard"):
        found.append(TensorBoard(Path(output_dir) / "tensorboard"))
    else:
        print(packages.missing("tensorboard"), file=sys.stderr)
    if "wandb" in names:
        found.append(WandbCallback())
    if "swanlab" in names:
        found.append(SwanLabCallback())
    return found
