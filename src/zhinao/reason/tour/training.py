"""The tour's runs of the real trainers, which end when the model answers well enough: when it learns suddenly, no count of steps fits.

Each is `zhinao finetune` or `zhinao reason grpo` with settings for a tiny model; nothing is trained in another way.
"""

import time
from collections.abc import Callable
from pathlib import Path

from zhinao.lang import tr
from zhinao.reason.tour.asking import Asker
from zhinao.train.method.reinforcement import Reinforcement
from zhinao.train.method.supervised import Supervised
from zhinao.train.run import Run, train
from zhinao.train.settings.reinforce import ReinforceSettings
from zhinao.train.settings.settings import TrainSettings

_TINY = {
    "model_max_length": 256, "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "save_strategy": "no", "sample_tokens": 0,
    "weight_decay": 0.0, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 10, "stop_on_spike": False, "logging_steps": 10,
    "preprocessing_num_workers": 1,
}  # fmt: skip

Measure = Callable[[Asker], float]


def supervised(model: Path, data: Path, out: Path, *, enough: "Enough | None" = None, **settings) -> Path:
    """`zhinao finetune`. Returns the folder of the model."""
    given = {**_TINY, "is_concat": True, "per_device_train_batch_size": 6, "learning_rate": 2e-3, **settings}
    chosen = TrainSettings(model_name_or_path=str(model), data_path=(str(data),), output_dir=str(out), **given)
    train(chosen, _stopping(Supervised)(enough))
    return out


def reinforced(model: Path, data: Path, out: Path, *, enough: "Enough | None" = None, **settings) -> Path:
    """`zhinao reason grpo`. Returns the folder of the model."""
    given = {**_TINY, "num_generations": 8, "per_device_train_batch_size": 128, "max_completion_length": 96, **settings}
    chosen = ReinforceSettings(model_name_or_path=str(model), data_path=(str(data),), output_dir=str(out), **given)
    train(chosen, _stopping(Reinforcement)(enough))
    return out


class Enough:
    """Tells a run to end: after `seconds`, or where `measure` gives at least `target`; asked every `steps`, first after `begin`."""

    def __init__(self, measure: Measure, target: float, seconds: float, steps: int, begin: int = 0):
        self.measure, self.target, self.seconds, self.steps, self.begin = measure, target, seconds, steps, begin
        self.seen: list[tuple[int, float]] = []
        self._since = time.monotonic()

    def __call__(self, step: int, asker: Asker) -> bool:
        if step < self.begin or step % self.steps:
            return False
        self.seen.append((step, self.measure(asker)))
        print(tr(f"   step {step}: {self.seen[-1][1]:.1%}", f"   第 {step} 步：{self.seen[-1][1]:.1%}"), flush=True)
        return self.seen[-1][1] >= self.target or time.monotonic() - self._since > self.seconds


def _stopping(kind: type):
    """The method `kind` whose run ends, as if all its steps were done, when it is enough."""

    class Stopping(kind):
        def __init__(self, enough: Enough | None):
            super().__init__()
            self.enough = enough

        def trainer(self, run: Run):
            trainer = super().trainer(run)
            if self.enough:
                trainer.add_callback(_callback(self.enough, Asker.load(run.source.path), trainer))
            return trainer

    return Stopping


def _callback(enough: Enough, asker: Asker, trainer):
    import torch
    from transformers import TrainerCallback

    class StopWhenEnough(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            with torch.random.fork_rng(devices=[]):  # what is drawn here changes nothing of what is drawn there
                if enough(state.global_step, asker.with_net(trainer.model)):
                    state.max_steps = state.global_step
                    control.should_training_stop = True

    return StopWhenEnough()
