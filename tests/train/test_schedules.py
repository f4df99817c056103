"""Schedules and optimizers: the names and arguments that transformers has, and what a run is told before model and data."""

import inspect
import re

import pytest

from zhinao.errors import MissingExtraError, UsageError
from zhinao.train.settings import optimizers
from zhinao.train.settings.optimizers import OPTIMIZERS
from zhinao.train.settings.schedules import SCHEDULES
from zhinao.train.settings.settings import TrainSettings

GIVEN = {"data_path": ("d",), "model_name_or_path": "m", "output_dir": "o"}


def checked(kwargs=None, **more) -> None:
    arguments = more.pop("training_arguments", {}) | ({"lr_scheduler_kwargs": kwargs} if kwargs is not None else {})
    TrainSettings(**GIVEN, **more, training_arguments=arguments).check()


def test_names_are_transformers():
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    assert SCHEDULES.keys() == {one.value for one in SchedulerType}
    assert OPTIMIZERS.keys() == {one.value for one in OptimizerNames}


@pytest.mark.parametrize("name", SCHEDULES)
def test_arguments_are_transformers(name):
    import torch
    from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, GreedyLR

    function = {
        "greedy": GreedyLR,
        "reduce_lr_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau,
    }.get(name, TYPE_TO_SCHEDULER_FUNCTION[name])
    known = set(inspect.signature(function).parameters) - {
        "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch",
    }  # fmt: skip
    assert set(SCHEDULES[name].takes) == known


def test_optimizers_read_what_is_said_of_them():
    from transformers import trainer_optimizer

    named = set(re.findall(r'"(\w+)"', inspect.getsource(trainer_optimizer)))
    assert {one for optimizer in OPTIMIZERS.values() for one in optimizer.args} <= named


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_can_be_made_of_what_passes(name):
    import torch
    from transformers import get_scheduler

    schedule = SCHEDULES[name]
    value = {"num_decay_steps": 3, "min_lr": 1e-5}
    kwargs = {schedule.needs[0]: value[schedule.needs[0]]} if schedule.needs else {}
    checked(
        kwargs,
        lr_scheduler_type=name,
        learning_rate=1e-3,
        eval_share=0.1,
        warmup_steps=2 if schedule.warms_up else None,
    )
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    get_scheduler(name, optimizer, 2, 10, kwargs)


@pytest.mark.parametrize(
    ("kwargs", "given", "sentence"),
    [
        (None, {"lr_scheduler_type": "cosinee"}, "cosinee: not known.\n  → did you mean cosine?"),
        (None, {"lr_scheduler_type": "cosine_with_min_lr"}, "needs min_lr or min_lr_rate"),
        ({"min_lr": 1e-6, "min_lr_rate": 0.1}, {"lr_scheduler_type": "cosine_with_min_lr"}, "one of them"),
        (
            {"min_lr": 1e-3},
            {"lr_scheduler_type": "cosine_with_min_lr", "learning_rate": 1e-4},
            "--learning_rate is 0.0001",
        ),
        ({"min_lr": "1e-6"}, {"lr_scheduler_type": "cosine_with_min_lr"}, "is '1e-6'; it must be a number"),
        ({"min_lr": 1e-6}, {}, "min_lr: cosine does not take it"),
        ({"num_cycles": 2}, {"lr_scheduler_type": "constant_with_warmup"}, "leave lr_scheduler_kwargs out"),
        (None, {"lr_scheduler_type": "warmup_stable_decay"}, "needs num_decay_steps"),
        (
            {"num_decay_steps": 3, "decay_type": "sine"},
            {"lr_scheduler_type": "warmup_stable_decay"},
            "'sine'; it must be linear, cosine, 1-sqrt",
        ),
        (None, {"lr_scheduler_type": "polynomial", "learning_rate": 1e-8}, "ends at 1e-7"),
        (None, {"lr_scheduler_type": "reduce_lr_on_plateau"}, "follows the loss of held-out data"),
        (None, {"lr_scheduler_type": "constant", "warmup_ratio": 0.1}, "→ --lr_scheduler_type constant_with_warmup"),
        ("cosine", {}, "it must be"),
        (None, {"optim": "adamw"}, "--optim adamw: not known"),
        (None, {"optim": "galore_adamw"}, "needs optim_target_modules"),
        (None, {"optim": "sgd", "adam_beta2": 0.99}, "--adam_beta2: --optim sgd does not look at it"),
        (None, {"optim": "lomo", "gradient_accumulation_steps": 2}, "steps with every batch"),
        (
            None,
            {"optim": "sgd", "training_arguments": {"optim_args": "momentun=0.9"}},
            "does not know 'momentun=0.9'.\n  → did you mean momentum?",
        ),
        (None, {"optim": "sgd", "training_arguments": {"optim_args": "momentum"}}, "does not know 'momentum'"),
    ],
)
def test_what_is_refused(kwargs, given, sentence):
    with pytest.raises(UsageError) as error:
        checked(kwargs, **given)
    assert sentence in str(error.value)


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr(optimizers.importlib.util, "find_spec", lambda name: None)
    optimizers.check_package("adamw_torch")
    with pytest.raises(MissingExtraError, match="pip install bitsandbytes"):
        optimizers.check_package("adamw_bnb_8bit")


def test_all_schedules_warm_up_that_say_so():
    """`constant` and those that follow the loss begin at the full rate: transformers gives them no number of steps."""
    import torch
    from transformers import get_scheduler

    for name, schedule in SCHEDULES.items():
        kwargs = {"num_decay_steps": 3} if "num_decay_steps" in schedule.needs else {}
        kwargs |= {"min_lr": 1e-5} if "min_lr" in schedule.needs else {}
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        get_scheduler(name, optimizer, 5, 10, kwargs)
        assert (optimizer.param_groups[0]["lr"] < 1) == schedule.warms_up, name
