"""`--keep_best`: what asks for the best model instead of the last one, and what is said of it. Saves and loads nothing.

Which evaluation was the best is in the trainer's state (`best_global_step`, `best_metric`), and so in every checkpoint.
`load_best_model_at_end=True` among transformers' arguments means the same, and becomes this setting.
"""

import dataclasses

from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr

_THEIRS = "load_best_model_at_end"
_METRIC, _GREATER = "metric_for_best_model", "greater_is_better"
_LOWER = ("loss", "rewards/rejected")  # what is the better the lower it is
_BY_METRIC = ("reduce_lr_on_plateau", "greedy")  # learning rates that follow an evaluation


def is_wanted(settings) -> bool:
    return bool(settings.keep_best or settings.training_arguments.get(_THEIRS))


def check(settings) -> None:
    """Raises UsageError where there is nothing to choose by."""
    given = settings.training_arguments
    if is_wanted(settings) and not (settings.eval_data_path or settings.eval_share):
        raise UsageError(
            tr("--keep_best needs held-out data to know the best by.", "--keep_best 需要验证数据才能判断哪个最好。"),
            tr("--eval_data_path FILE, or --eval_share 0.02", "--eval_data_path 文件，或 --eval_share 0.02"),
        )
    for name in (_METRIC, _GREATER):
        if given.get(name) is not None and not is_wanted(settings) and settings.lr_scheduler_type not in _BY_METRIC:
            raise UsageError(
                tr(
                    f"training_arguments.{name} says which model is the best; the last one is delivered.",
                    f"training_arguments.{name} 用于选出最好的模型，而当前交付的是最后的模型。",
                ),
                "--keep_best True",
            )
    metric = _metric(settings)
    if metric not in settings.eval_metrics:
        known = ", ".join(settings.eval_metrics)
        raise UsageError(
            tr(
                f"training_arguments.{_METRIC}: nothing is measured under the name {metric!r}.",
                f"training_arguments.{_METRIC}：没有名为 {metric!r} 的指标。",
            ),
            suggestion(metric, settings.eval_metrics) or tr(f"there are: {known}", f"现有：{known}"),
        )
    _check_direction(given.get(_GREATER), metric)


def _metric(settings) -> str:
    return str(settings.training_arguments.get(_METRIC) or "loss").removeprefix("eval_")


def _check_direction(is_greater: bool | None, metric: str) -> None:
    """Raises UsageError where the worst model would count as the best."""
    if is_greater is None or is_greater == (metric not in _LOWER):
        return
    raise UsageError(
        tr(
            f"training_arguments.{_GREATER} is {is_greater}, and of {metric} the {'lower' if is_greater else 'higher'} is the better: "
            "the worst model would be taken for the best.",
            f"training_arguments.{_GREATER} 为 {is_greater}，而 {metric} 越{'低' if is_greater else '高'}越好：会把最差的模型当作最好的。",
        ),
        tr("leave it out: it follows from what is measured", "请去掉它：方向由指标决定"),
    )


def translated(settings):
    """Settings in which `keep_best` alone says it."""
    given = {name: value for name, value in settings.training_arguments.items() if name != _THEIRS}
    return dataclasses.replace(settings, keep_best=is_wanted(settings), training_arguments=given)


def arguments(settings) -> dict:
    """TrainingArguments that let the trainer compare evaluations; what `training_arguments` says comes with it. transformers
    itself is not told to load the best: it would look for it under a name that checkpoints have only while they are made."""
    given = settings.training_arguments
    if not (settings.keep_best or given.get(_METRIC)):
        return {}
    ours = {_METRIC: _metric(settings), _GREATER: _metric(settings) not in _LOWER}
    return {name: value for name, value in ours.items() if given.get(name) is None}


def delivered(state, has_best: bool) -> dict:
    """What run.json says about the model in the output folder. `state`: the trainer's; `has_best`: not the last step's model."""
    step = state.best_global_step if has_best else state.global_step
    measured = {} if not state.best_global_step or step != state.best_global_step else {"metric": state.best_metric}
    return {"step": step, "last_step": state.global_step, **measured}


def sentence(state, metric: str, has_best: bool) -> str:
    """Of which step the model is, and why."""
    step, last = state.best_global_step, state.global_step
    if not step:
        return tr(
            f"No evaluation has told a best model; it is that of the last step, {last}.",
            f"没有可用的验证结果来选出最好的模型；交付的是最后一步（第 {last} 步）的模型。",
        )
    if not has_best and step != last:
        return tr(
            f"The best model was that of step {step}, whose checkpoint is gone; it is that of the last step, {last}.",
            f"最好的是第 {step} 步，但其检查点已不在；交付的是最后一步（第 {last} 步）的模型。",
        )
    name = f"eval_{metric.removeprefix('eval_')}"
    return tr(
        f"The model is that of step {step} of {last}, the best by {name} ({state.best_metric:.4g}).",
        f"交付的是第 {step} 步（共 {last} 步）的模型，其 {name} 最好（{state.best_metric:.4g}）。",
    )
