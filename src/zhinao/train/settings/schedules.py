"""Learning-rate schedules of transformers: their names, and what `lr_scheduler_kwargs` each of them takes and needs.

transformers finds out when the model is loaded; here a run is told before. Imports nothing of it; a test compares both.
"""

from dataclasses import dataclass

from zhinao import config
from zhinao.errors import UsageError
from zhinao.lang import tr


@dataclass(frozen=True)
class Schedule:
    """takes: names of further numbers (`needs`: of which there must be exactly one). Without `warms_up` it begins at full rate.
    `by_loss`: it follows the loss of held-out data."""

    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    warms_up: bool = True
    by_loss: bool = False


_LEAST = ("min_lr", "min_lr_rate")
SCHEDULES = {
    "linear": Schedule(),
    "cosine": Schedule(("num_cycles",)),
    "cosine_with_restarts": Schedule(("num_cycles",)),
    "polynomial": Schedule(("lr_end", "power")),
    "constant": Schedule(warms_up=False),
    "constant_with_warmup": Schedule(),
    "inverse_sqrt": Schedule(("timescale",)),
    "reduce_lr_on_plateau": Schedule(
        ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps"), (), False, True
    ),
    "cosine_with_min_lr": Schedule(("num_cycles", *_LEAST), _LEAST),
    "cosine_warmup_with_min_lr": Schedule(("num_cycles", *_LEAST, "warmup_lr_rate"), _LEAST),
    "warmup_stable_decay": Schedule(
        ("num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles"),
        ("num_decay_steps",),
    ),
    "greedy": Schedule(
        ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "warmup", "min_lr", "max_lr", "eps",
         "verbose", "smooth", "window_size", "reset_start"), (), False, True,
    ),
}  # fmt: skip
_WORDS = {
    "warmup_type": ("linear", "cosine", "1-sqrt"), "decay_type": ("linear", "cosine", "1-sqrt"), "mode": ("min", "max"),
    "threshold_mode": ("rel", "abs"), "verbose": (True, False), "smooth": (True, False),
}  # fmt: skip


def check(settings) -> None:
    """Raises UsageError for a schedule (of a TrainSettings) that does not exist, or that cannot be made of what it is given."""
    name, given = settings.lr_scheduler_type, settings.training_arguments.get("lr_scheduler_kwargs") or {}
    if name not in SCHEDULES:
        raise UsageError(
            tr(f"--lr_scheduler_type {name}: not known.", f"--lr_scheduler_type {name}：未知的名称。"),
            config.suggestion(name, SCHEDULES) or ", ".join(SCHEDULES),
        )
    schedule = SCHEDULES[name]
    if schedule.by_loss and not settings.is_evaluated:
        raise UsageError(
            tr(
                f"--lr_scheduler_type {name} follows the loss of held-out data; there is none.",
                f"--lr_scheduler_type {name} 依据验证损失，而没有验证数据。",
            ),
            "--eval_share 0.01",
        )
    if settings.warms_up and not schedule.warms_up:
        raise UsageError(
            tr(f"--lr_scheduler_type {name} does not warm up.", f"--lr_scheduler_type {name} 不会预热。"),
            "--lr_scheduler_type constant_with_warmup" if name == "constant" else "--warmup_steps 0",
        )
    for one, value in given.items():
        _check_number(name, schedule, one, value)
    _check_needed(name, schedule, given)
    _check_end(name, given, settings.learning_rate)


def _check_number(name: str, schedule: Schedule, one: str, value) -> None:
    place = f"lr_scheduler_kwargs.{one}"
    if one not in schedule.takes:
        raise UsageError(
            tr(f"{place}: {name} does not take it.", f"{place}：{name} 没有这一项。"),
            config.suggestion(one, schedule.takes)
            or ", ".join(schedule.takes)
            or tr("leave lr_scheduler_kwargs out", "请去掉 lr_scheduler_kwargs"),
        )
    if one in _WORDS:
        is_fine, words = value in _WORDS[one], ", ".join(map(str, _WORDS[one]))
    else:
        is_fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
        words = tr("a number, not below 0", "不小于 0 的数字")
    if not is_fine:
        raise UsageError(tr(f"{place} is {value!r}; it must be {words}.", f"{place} 为 {value!r}，应为{words}。"))


def _check_needed(name: str, schedule: Schedule, given: dict) -> None:
    if schedule.needs and sum(one in given for one in schedule.needs) != 1:
        words = tr(" or ", " 或 ").join(schedule.needs)
        example = "100" if schedule.needs == ("num_decay_steps",) else "1e-6"
        raise UsageError(
            tr(
                f"--lr_scheduler_type {name} needs {words} in lr_scheduler_kwargs"
                + (", one of them." if len(schedule.needs) > 1 else "."),
                f"--lr_scheduler_type {name} 需要在 lr_scheduler_kwargs 中给出 {words}（其一）。",
            ),
            f"--training_argument 'lr_scheduler_kwargs={{{schedule.needs[0]}: {example}}}'",
        )


def _check_end(name: str, given: dict, learning_rate: float | None) -> None:
    """A rate to end at that lies above the one to begin with."""
    for one in ("lr_end", "min_lr"):
        if one in given and learning_rate is not None and given[one] >= learning_rate:
            raise UsageError(
                tr(
                    f"lr_scheduler_kwargs.{one} is {given[one]:g}; --learning_rate is {learning_rate:g}.",
                    f"lr_scheduler_kwargs.{one} 为 {given[one]:g}，而 --learning_rate 为 {learning_rate:g}。",
                )
            )
    if name == "polynomial" and "lr_end" not in given and learning_rate is not None and learning_rate <= 1e-7:
        raise UsageError(
            tr(
                f"--lr_scheduler_type polynomial ends at 1e-7; --learning_rate is {learning_rate:g}.",
                f"--lr_scheduler_type polynomial 以 1e-7 结束，而 --learning_rate 为 {learning_rate:g}。",
            ),
            "--training_argument 'lr_scheduler_kwargs={lr_end: 0}'",
        )
