"""Checkpoints that are whole or absent, for any transformers Trainer: room is looked for first, older ones go last.

Which weights a checkpoint holds, and how a run goes on from one, is transformers' business; only their place is ours.
"""

import contextlib
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from zhinao import files
from zhinao.errors import DiskError
from zhinao.lang import tr
from zhinao.train.loop import checkpoints, room, signature
from zhinao.train.loop.checkpoints import PREFIX, STATE
from zhinao.train.loop.counts import Counts

COUNTS = "counts.json"
GUARD = "guard.json"  # what is usual for the first process; the others see losses of the same kinds
_WORK = ".partial-checkpoint"


class SavingMixin:
    """Goes before a Trainer class. `counts`: what all processes have read, for the trainer to count in. `guard`: is shown each batch's
    loss by the trainer, before the optimizer uses its gradients. `companions(folder)` writes what belongs to a model besides its weights."""

    companions: Callable[[Path], None] | None = None
    keeps_best = False  # the checkpoint of the best evaluation, whatever its age; each new best is saved
    _saving_into: Path | None = None

    def __init__(self, *arguments, guard=None, **more):
        self.counts, self.guard = Counts(), guard
        super().__init__(*arguments, **more)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({**logs, **vars(self.counts)}, start_time)

    def train(self, resume_from_checkpoint: str | None = None, **more):
        if resume_from_checkpoint:
            folder = Path(resume_from_checkpoint)
            vars(self.counts).update(json.loads((folder / COUNTS).read_text()))
            if self.guard and (folder / GUARD).exists():
                self.guard.restore(json.loads((folder / GUARD).read_text()))
        return super().train(resume_from_checkpoint, **more)

    def _run_epoch(self, **kwargs):
        """A run that had done all its steps does no further one when it is taken up again; transformers would ask after it."""
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(**kwargs)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model=None) -> None:
        """Full weights have been read by `model.load` already; transformers would look for names as they are in memory."""
        whole = self.accelerator.unwrap_model(model or self.model)
        if self.is_fsdp_enabled or getattr(whole, "peft_config", None):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _determine_best_metric(self, metrics: dict[str, float], trial) -> bool:
        """Also by what is only logged of an evaluation (TRL's rewards), and under any `save_strategy`."""
        logged = [line for line in self.state.log_history if line.get("step") == self.state.global_step]
        is_new = super()._determine_best_metric(
            {name: v for line in (*logged, metrics) for name, v in line.items()}, trial
        )
        if is_new:
            self.state.best_global_step = self.state.global_step
            self.control.should_save |= self.keeps_best
        return is_new

    def best_checkpoint(self) -> Path | None:
        """Of the best evaluation; None where that is the last step's, or nobody knows it. All processes must call it."""
        step = self.state.best_global_step
        if not self.keeps_best or not step or step == self.state.global_step:
            return None
        found = Path(self.args.output_dir) / f"{PREFIX}{step}"
        is_whole = self.is_world_process_zero() and (found / STATE).is_file() and any(found.glob("*.safetensors"))
        return found if self.is_true_anywhere(is_whole) else None

    def _get_output_dir(self, trial) -> str:
        return str(self._saving_into) if self._saving_into else super()._get_output_dir(trial)

    def _save_checkpoint(self, model, trial) -> None:
        output_dir = Path(self.args.output_dir)
        name = f"{PREFIX}{self.state.global_step}"
        work, target = output_dir / _WORK, output_dir / name
        self._on_first(lambda: self._make_room(work))
        try:
            self._saving_into = work
            with _disk_full(target):
                super()._save_checkpoint(model, trial)
        finally:
            self._saving_into = None
            self.state.best_model_checkpoint = None  # the work folder's: transformers would look for it at the end
        self.is_true_anywhere(False)  # returns when every process has written its part
        self._on_first(lambda: self._finish(work, target))

    def _on_first(self, action: Callable[[], None]) -> None:
        """`action` on the first process; all wait for it, and all end with an error when it does."""
        error = None
        if self.is_world_process_zero():
            try:
                action()
            except Exception as one:  # raised below, after the others have been told
                error = one
        if self.is_true_anywhere(error is not None):
            raise error or DiskError(tr("Another process could not save.", "另一个进程无法保存。"))

    def is_true_anywhere(self, value: bool) -> bool:
        """Whether `value` is true on any process. All processes must call it."""
        if self.accelerator.num_processes == 1:
            return value
        flag = torch.tensor([float(value)], device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum").item())

    def _make_room(self, work: Path) -> None:
        shutil.rmtree(work, ignore_errors=True)
        files.check_free_space(work.parent, self._checkpoint_bytes(), room.lacking())
        work.mkdir(parents=True)

    def _checkpoint_bytes(self) -> int:
        """For adapters what is trained is all there is."""
        model = self.accelerator.unwrap_model(self.model)
        is_adapter = getattr(model, "peft_config", None)
        written = [p for p in model.parameters() if p.requires_grad or not is_adapter]
        weights = sum(_numel(p) * p.element_size() for p in written)
        num_trained = sum(_numel(p) for p in written if p.requires_grad)
        is_shared = {"is_deepspeed": self.is_deepspeed_enabled, "is_sharded": self.is_fsdp_enabled}
        return room.checkpoint(weights, num_trained, self.args.optim, **is_shared)

    def _finish(self, work: Path, target: Path) -> None:
        folder = work / target.name
        files.write_json(folder / COUNTS, vars(self.counts))
        if self.guard:
            files.write_json(folder / GUARD, self.guard.state())
        self.state.save_to_json(folder / STATE)
        if self.companions:
            self.companions(folder)
        if self.is_deepspeed_enabled:
            signature.write(folder)
        checkpoints.to_disk(folder)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        shutil.rmtree(work, ignore_errors=True)
        best = self.state.best_global_step if self.keeps_best else None
        for old in checkpoints.outdated(checkpoints.of(target.parent), target, self.args.save_total_limit or 1, best):
            shutil.rmtree(old)


def _numel(parameter) -> int:
    """Of the whole parameter: what ZeRO-3 leaves of it on a process is empty."""
    return getattr(parameter, "ds_numel", None) or parameter.numel()


@contextlib.contextmanager
def _disk_full(target: Path):
    """A disk that filled up after all is said as such. safetensors has an error type of its own."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if (
            getattr(error, "errno", None) == errno.ENOSPC
            or "No space left" in str(error)
            or "file write failed" in str(error)
        ):
            raise DiskError(tr(f"{target}: the disk is full.", f"{target}：磁盘已满。"), room.lacking()) from None
        raise
