"""The settings as transformers' TrainingArguments. What this machine or today's transformers refuses is translated, and said.

Imports torch and transformers when called.
"""

import dataclasses
import math

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.parallel import presets, processes
from zhinao.train.settings import best, passed_on, precision
from zhinao.train.settings.settings import TrainSettings


def decided(settings: TrainSettings) -> tuple[TrainSettings, list[str]]:
    """Settings in which nothing is left open, and a sentence for each thing that was decided or translated.

    Raises UsageError for a precision that this machine cannot compute in.
    """
    import torch

    notes, has_gpu = [], torch.cuda.is_available() and not settings.use_cpu
    changes = {"use_cpu": not has_gpu, "local_rank": -1}
    if settings.tf32 and not has_gpu:
        changes["tf32"] = None
        notes.append(tr("--tf32 needs an NVIDIA GPU; it is left out.", "--tf32 需要 NVIDIA GPU，已忽略。"))
    if settings.fp16 and not has_gpu:
        raise UsageError(
            tr("--fp16 needs a GPU.", "--fp16 需要 GPU。"), tr("--bf16 True, or neither", "--bf16 True，或都不设")
        )
    has_gpu_bf16 = has_gpu and precision.gpu_has_bf16()
    changes["bf16"] = precision.bf16(dataclasses.replace(settings, use_cpu=not has_gpu), has_gpu_bf16)
    if settings.bf16 and not changes["bf16"]:
        notes.append(precision.sentence())
    if settings.bf16 is None:
        word = "bfloat16" if changes["bf16"] else "float16" if settings.fp16 else "float32"
        notes.append(tr(f"Computing in {word}, weights in float32.", f"以 {word} 计算，权重为 float32。"))
    if settings.learning_rate is None:
        changes["learning_rate"] = 1e-4 if settings.is_adapter else 1e-5
        notes.append(tr(f"Learning rate {changes['learning_rate']:g}.", f"学习率 {changes['learning_rate']:g}。"))
    if settings.method == "qlora" and not has_gpu:
        raise UsageError(
            tr("--method qlora keeps weights in 4 bits on a GPU; there is none.", "--method qlora 需要 GPU（4 位权重），本机没有。"),
            "--method lora",
        )  # fmt: skip
    settings = best.translated(dataclasses.replace(settings, **changes))
    return settings, [*notes, *presets.of(settings).notes]


def of(settings: TrainSettings, has_eval: bool, kind: type | None = None, **more):
    """TrainingArguments for decided settings, or a `kind` of them with `more` fields of its own. Raises UsageError for what
    transformers refuses, and for a field in `training_arguments` that its version does not have."""
    from transformers import TrainingArguments

    same = (
        "output_dir", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
        "learning_rate", "lr_scheduler_type", "optim", "adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay",
        "max_grad_norm", "seed", "bf16", "fp16", "tf32", "use_cpu", "save_strategy",
        "save_steps", "save_total_limit", "logging_steps", "run_name", "log_on_each_node",
    )  # fmt: skip
    values = {name: getattr(settings, name) for name in same}
    values |= {
        "warmup_steps": _warmup(settings),
        "per_device_eval_batch_size": settings.per_device_eval_batch_size or settings.per_device_train_batch_size,
        "eval_strategy": ("steps" if settings.eval_steps else "epoch") if has_eval else "no",
        "eval_steps": settings.eval_steps if has_eval else None,
        "prediction_loss_only": True,
        "remove_unused_columns": False,
        "average_tokens_across_devices": True,
        "logging_nan_inf_filter": False,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": not settings.use_cpu,
        "disable_tqdm": True,
        "report_to": [],
        "ddp_timeout": processes.timeout_seconds(),
        **presets.of(settings).arguments,
        **best.arguments(settings),
    }
    known = {one.name for one in dataclasses.fields(TrainingArguments)}
    # transformers 5.20 gave checkpointing another name
    prefix = "activation" if "activation_checkpointing" in known else "gradient"
    values[f"{prefix}_checkpointing"] = settings.gradient_checkpointing
    values[f"{prefix}_checkpointing_kwargs"] = {"use_reentrant": False}
    further = _further(settings, known)
    try:
        return (kind or TrainingArguments)(**values, **more, **further)
    except (ValueError, ImportError) as error:
        raise UsageError(
            tr(f"transformers refuses these settings: {error}", f"transformers 拒绝这些设置：{error}")
        ) from error


def _further(settings: TrainSettings, known: set[str]) -> dict:
    """What is passed on as it is. Raises UsageError for a field that this version of transformers does not have."""
    given = passed_on.checked(settings.training_arguments, settings.is_preference)
    for name in given:
        if name not in known:
            raise UsageError(
                tr(
                    f"training_arguments.{name}: this version of transformers does not know it.",
                    f"training_arguments.{name}：当前版本的 transformers 没有这一项。",
                ),
                "pip install --upgrade transformers",
            )
    return {name: value for name, value in given.items() if name not in passed_on.OWN}


def _warmup(settings: TrainSettings) -> float:
    """transformers reads what is below 1 as a share, and 1 as one step."""
    if settings.warmup_steps is not None:
        return settings.warmup_steps
    return min(settings.warmup_ratio, math.nextafter(1, 0))
