"""What cannot be meant about a training run, told by its settings alone. What a machine or a model refuses: `train/beforehand.py`."""

import math
import os
from dataclasses import fields

from zhinao.errors import UsageError
from zhinao.lang import counted, tr
from zhinao.train.settings import best, optimizers, passed_on, schedules

# the least that may be given: for which settings
_AT_LEAST = {
    1: ("model_max_length", "per_device_train_batch_size", "gradient_accumulation_steps", "lora_rank", "logging_steps",
        "save_steps", "save_total_limit", "sequence_parallel_size", "eval_steps", "per_device_eval_batch_size",
        "preprocessing_num_workers", "rope_theta"),
    0: ("learning_rate", "weight_decay", "max_grad_norm", "lora_dropout", "lora_alpha", "warmup_steps", "sample_tokens", "seed",
        "adam_beta1", "adam_beta2", "adam_epsilon"),
}  # fmt: skip


def check(settings) -> None:
    """Raises UsageError for what cannot be meant, before anything is loaded."""
    for name in ("data_path", "model_name_or_path", "output_dir"):
        if not getattr(settings, name):
            raise UsageError(tr(f"--{name} is missing.", f"缺少 --{name}。"), f"--{name} …")
    _check_numbers(settings)
    _check_pairs(settings)
    _check_idle(settings)
    passed_on.check(settings, settings.is_preference)
    schedules.check(settings)
    optimizers.check(settings)


def _check_numbers(settings) -> None:
    for one in fields(settings):
        for value in _numbers(getattr(settings, one.name)):
            if not math.isfinite(value):
                raise UsageError(
                    tr(f"--{one.name} is {value}; it must be finite.", f"--{one.name} 为 {value}，应为有限的数。")
                )
    for least, names_of in _AT_LEAST.items():
        for name in names_of:
            _at_least(name, getattr(settings, name), least)
    for name in ("max_overlong_share", "max_faulty_share", "eval_share", "warmup_ratio"):
        if not 0 <= getattr(settings, name) <= 1:
            raise UsageError(tr(f"--{name} is a share, from 0 to 1.", f"--{name} 为比例，取 0 到 1。"))
    for name in ("adam_beta1", "adam_beta2", "lora_dropout"):
        if getattr(settings, name) >= 1:
            raise UsageError(
                tr(
                    f"--{name} is {getattr(settings, name)}; it must be below 1.",
                    f"--{name} 为 {getattr(settings, name)}，应小于 1。",
                )
            )
    if settings.seed >= 2**32:
        raise UsageError(tr("--seed must be below 2^32.", "--seed 必须小于 2^32。"))
    if settings.max_steps != -1:
        _at_least("max_steps", settings.max_steps, 1)
    elif settings.num_train_epochs <= 0:
        raise UsageError(tr("--num_train_epochs must be above 0.", "--num_train_epochs 必须大于 0。"))
    if (steps := settings.warmup_steps) is not None and steps >= 1 and steps != int(steps):
        raise UsageError(
            tr(
                f"--warmup_steps is {steps}; whole steps, or below 1 a share of all.",
                f"--warmup_steps 为 {steps}，应为整数步数，或小于 1 的占比。",
            )
        )


def _weights_hint(settings) -> str:
    num = len(settings.data_path)
    shown = " ".join(f"{weight:g}" for weight in (*settings.data_weights, *[1.0] * num)[:num])
    return tr(
        f"one number for each source: --data_weights {shown}; or name {len(settings.data_weights)} sources behind --data_path",
        f"每个来源一个数：--data_weights {shown}；或在 --data_path 后给出 {len(settings.data_weights)} 个来源",
    )


def _check_pairs(settings) -> None:
    """What does not go together."""
    if settings.bf16 and settings.fp16:
        raise UsageError(tr("--bf16 and --fp16 exclude each other.", "--bf16 与 --fp16 不能同用。"))
    if settings.deepspeed and settings.parallel:
        raise UsageError(tr("--deepspeed and --parallel exclude each other.", "--deepspeed 与 --parallel 不能同用。"))
    if settings.data_weights is not None and len(settings.data_weights) != len(settings.data_path):
        raise UsageError(
            tr(
                f"--data_weights has {counted(len(settings.data_weights), 'number')} for {counted(len(settings.data_path), 'source')}.",
                f"--data_weights 有 {len(settings.data_weights)} 个数，而数据来源有 {len(settings.data_path)} 个。",
            ),
            _weights_hint(settings),
        )
    if settings.max_steps > 0 and settings.warmup_steps is not None and settings.warmup_steps > settings.max_steps:
        raise UsageError(
            tr(
                f"--warmup_steps is {settings.warmup_steps:g}; the run has {settings.max_steps} steps.",
                f"--warmup_steps 为 {settings.warmup_steps:g}，而训练只有 {settings.max_steps} 步。",
            )
        )

    _check_prompts(settings)
    best.check(settings)
    if settings.max_steps < 0 and settings.num_train_epochs <= 0:
        raise UsageError(tr("--num_train_epochs must be above 0.", "--num_train_epochs 必须大于 0。"))


def _check_prompts(settings) -> None:
    """A path among the questions would be asked as one."""
    for one in settings.sample_prompts:
        if os.path.isfile(one):
            raise UsageError(
                tr(
                    f"--sample_prompts {one}: that is a file; questions stand there as they are.",
                    f"--sample_prompts {one}：这是文件；此处应直接写出问题。",
                ),
                '--sample_prompts "Who are you?" "17 + 25?"',
            )


def _check_idle(settings) -> None:
    """What was set, and would have no effect."""
    if not settings.is_adapter:
        for name in ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "merge"):
            if getattr(settings, name) != settings.__dataclass_fields__[name].default:
                raise UsageError(
                    tr(f"--{name} has no effect: there are no adapters.", f"--{name} 不起作用：没有适配器。"),
                    "--method lora",
                )
    for name in ("eval_steps", "per_device_eval_batch_size"):
        if getattr(settings, name) is not None and not settings.is_evaluated:
            raise UsageError(
                tr(f"--{name} has no effect: there is no held-out data.", f"--{name} 不起作用：没有验证数据。"),
                "--eval_share 0.01",
            )


def _at_least(name: str, value, least: float) -> None:
    if value is not None and value < least:
        raise UsageError(tr(f"--{name} is {value}; at least {least}.", f"--{name} 为 {value}，至少为 {least}。"))


def _numbers(value) -> list[float]:
    """The fractional ones among a setting's values."""
    values = value if isinstance(value, tuple) else (value,)
    return [one for one in values if isinstance(one, float)]
