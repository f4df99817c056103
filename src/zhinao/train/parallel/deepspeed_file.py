"""A DeepSpeed configuration of the user's own: read, and judged beside the flags. Translates nothing; imports no DeepSpeed.

DeepSpeed passes over keys that it does not know; its integration compares values only when the model has been loaded.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from zhinao import config
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.oserrors import reason
from zhinao.train.settings.settings import TrainSettings

# Keys that repeat a flag.
FLAGS = {
    "train_micro_batch_size_per_gpu": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "gradient_clipping": "max_grad_norm",
    "bf16.enabled": "bf16",
    "fp16.enabled": "fp16",
    "optimizer.params.lr": "learning_rate",
    "optimizer.params.eps": "adam_epsilon",
    "optimizer.params.weight_decay": "weight_decay",
    "scheduler.params.warmup_max_lr": "learning_rate",
}
# Further places where "auto" is filled in by transformers and accelerate.
_AUTO = {
    *FLAGS, "train_batch_size", "optimizer.params.betas", "scheduler.params.warmup_min_lr", "scheduler.params.warmup_num_steps",
    "scheduler.params.total_num_steps", "zero_optimization.stage", "zero_optimization.reduce_bucket_size",
    "zero_optimization.stage3_prefetch_bucket_size", "zero_optimization.stage3_param_persistence_threshold",
    "zero_optimization.stage3_gather_16bit_weights_on_model_save", "zero_optimization.offload_optimizer.device",
    "zero_optimization.offload_optimizer.nvme_path", "zero_optimization.offload_param.device",
    "zero_optimization.offload_param.nvme_path", "data_types.keep_in_fp32_modules",
}  # fmt: skip
KEYS = (
    "train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping", "steps_per_print",
    "optimizer", "scheduler", "zero_optimization", "zero_allow_untested_optimizer", "zero_force_ds_cpu_optimizer", "bf16",
    "bfloat16", "fp16", "amp", "torch_autocast", "data_types", "communication_data_type", "seq_parallel_communication_data_type",
    "prescale_gradients", "gradient_predivide_factor", "gradient_allreduce_op", "managed_gradient_accumulation",
    "sparse_gradients", "disable_allgather", "disable_python_gc", "dump_state", "wall_clock_breakdown", "memory_breakdown",
    "timers", "log_level", "activation_checkpointing", "comms_logger", "flops_profiler", "tensorboard", "wandb", "csv_monitor",
    "comet", "aio", "checkpoint", "datastates_ckpt", "compile", "compression_training", "weight_quantization",
    "sparse_attention", "elasticity", "autotuning", "data_efficiency", "curriculum_learning", "hybrid_engine", "eigenvalue",
    "progressive_layer_drop", "pipeline", "nebula", "tensor_parallel", "expert_parallel", "sequence_parallel_size",
    "use_data_before_expert_parallelism", "dataloader_drop_last", "vocabulary_size",
)  # fmt: skip
ZERO_KEYS = (
    "stage", "contiguous_gradients", "reduce_scatter", "reduce_bucket_size", "use_multi_rank_bucket_allreduce",
    "allgather_partitions", "allgather_bucket_size", "overlap_comm", "compute_grad_norm", "load_from_fp32_weights",
    "elastic_checkpoint", "offload_param", "offload_optimizer", "zenflow", "sub_group_size", "cpu_offload_param",
    "cpu_offload_use_pin_memory", "cpu_offload", "prefetch_bucket_size", "param_persistence_threshold",
    "model_persistence_threshold", "max_live_parameters", "max_reuse_distance", "gather_16bit_weights_on_model_save",
    "module_granularity_threshold", "use_all_reduce_for_fetch_params", "allgather_sequential",
    "stage3_gather_fp16_weights_on_model_save", "stage3_prefetch_bucket_size", "stage3_param_persistence_threshold",
    "stage3_model_persistence_threshold", "stage3_max_live_parameters", "stage3_max_reuse_distance",
    "stage3_gather_16bit_weights_on_model_save", "stage3_module_granularity_threshold",
    "stage3_use_all_reduce_for_fetch_params", "stage3_allgather_sequential", "ignore_unused_parameters", "legacy_stage1",
    "round_robin_gradients", "parameter_alignment", "zero_hpz_partition_size", "zero_quantized_weights",
    "zero_quantized_nontrainable_weights", "zero_quantized_gradients", "mics_shard_size", "mics_hierarchical_params_gather",
    "memory_efficient_linear", "pipeline_loading_checkpoint", "override_module_apply", "log_trace_cache_warnings",
    "enable_sanity_checks", "save_muon_momentum_buffer_in_memory", "leaf_module",
)  # fmt: skip
_SECTIONS = (
    "optimizer", "optimizer.params", "scheduler", "scheduler.params", "zero_optimization", "bf16", "fp16",
    "zero_optimization.offload_optimizer", "zero_optimization.offload_param",
)  # fmt: skip
SCHEDULERS = ("LRRangeTest", "OneCycle", "WarmupLR", "WarmupDecayLR", "WarmupCosineLR")


def read(file: Path) -> dict:
    """The object in a JSON file. Raises UsageError naming the line where it breaks, or the key that stands there twice."""
    try:
        made = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=lambda pairs: _once(file, pairs))
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else tr("it is not text", "不是文本")
        raise UsageError(
            tr(f"{file}: cannot be read ({why}).", f"{file}：无法读取（{why}）。"), "--parallel zero2"
        ) from None
    except json.JSONDecodeError as error:
        raise UsageError(
            tr(
                f"{file}, line {error.lineno}: not JSON ({error.msg}).",
                f"{file} 第 {error.lineno} 行：不是有效的 JSON。",
            )
        ) from None
    except RecursionError:
        raise UsageError(tr(f"{file}: not JSON.", f"{file}：不是有效的 JSON。")) from None
    if not isinstance(made, dict):
        raise UsageError(tr(f"{file}: must hold an object.", f"{file}：内容必须是对象。"), '{"zero_optimization": …}')
    return made


def _once(file: Path, pairs: list[tuple]) -> dict:
    made = {}
    for key, value in pairs:
        if key in made:
            raise UsageError(tr(f"{file}: {key!r} stands there twice.", f"{file}：{key!r} 重复出现。"))
        made[key] = value
    return made


def value_at(made: dict, key: str):
    """`"bf16.enabled"` -> the value, or None."""
    for part in key.split("."):
        made = made.get(part) if isinstance(made, dict) else None
    return made


def check(file: Path, made: dict, settings: TrainSettings) -> None:
    """Raises UsageError for what DeepSpeed would pass over or refuse, and for what contradicts a flag."""
    for key in _SECTIONS:
        if not isinstance(value_at(made, key), dict | None):
            raise UsageError(tr(f"{file}: {key} must be an object.", f"{file}：{key} 必须是对象。"))
    _check_known(file, "", made, KEYS)
    _check_known(file, "zero_optimization.", made.get("zero_optimization") or {}, ZERO_KEYS)
    for key, value in _texts(made):
        if value.lower() == "auto" and (value != "auto" or key not in _AUTO):
            raise UsageError(
                tr(f'{file}: {key} is "{value}"; nobody fills it in.', f'{file}：{key} 为 "{value}"，不会被自动填写。'),
                tr("write a value, or leave the key out", "请写明数值，或去掉这一项") if value == "auto" else '"auto"',
            )
    _check_stage(file, made)
    _check_scheduler(file, made, settings)
    _check_flags(file, made, settings)


def _check_known(file: Path, place: str, section: dict, known: tuple[str, ...]) -> None:
    for key in section:
        if key not in known:
            raise UsageError(
                tr(f"{file}: DeepSpeed does not know {place}{key}.", f"{file}：DeepSpeed 没有 {place}{key}。"),
                config.suggestion(key, known),
            )


def _texts(made: dict, place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in made.items():
        if isinstance(value, dict):
            yield from _texts(value, f"{place}{key}.")
        elif isinstance(value, str):
            yield place + key, value


def _check_stage(file: Path, made: dict) -> None:
    zero = made.get("zero_optimization") or {}
    stage = zero.get("stage", 0)
    if isinstance(stage, bool) or stage not in (0, 1, 2, 3):
        raise UsageError(
            tr(
                f"{file}: zero_optimization.stage is {json.dumps(stage)}; it must be 0, 1, 2 or 3.",
                f"{file}：zero_optimization.stage 为 {json.dumps(stage)}，应为 0、1、2 或 3。",
            )
        )
    for key, least in (("offload_optimizer", 1), ("offload_param", 3)):
        if (zero.get(key) or {}).get("device", "none") not in ("none", "auto") and stage < least:
            raise UsageError(
                tr(
                    f"{file}: zero_optimization.{key} has no effect below stage {least}; the stage is {stage}.",
                    f"{file}：zero_optimization.{key} 在阶段 {least} 以下不起作用，而阶段为 {stage}。",
                )
            )


def _check_scheduler(file: Path, made: dict, settings: TrainSettings) -> None:
    if "scheduler" not in made:
        return
    if "optimizer" not in made:
        raise UsageError(
            tr(
                f"{file}: a scheduler of DeepSpeed needs its optimizer, and there is no `optimizer` section.",
                f"{file}：DeepSpeed 的调度器需要 `optimizer` 一节，而文件中没有。",
            ),
            tr("remove `scheduler`, or add `optimizer`", "删去 `scheduler`，或加上 `optimizer`"),
        )
    name = made["scheduler"].get("type")
    if name not in SCHEDULERS:
        raise UsageError(
            tr(f"{file}: scheduler.type is {json.dumps(name)}.", f"{file}：scheduler.type 为 {json.dumps(name)}。"),
            config.suggestion(name or "", SCHEDULERS) or ", ".join(SCHEDULERS),
        )
    if settings.training_arguments.get("lr_scheduler_kwargs"):
        raise UsageError(
            tr(
                f"lr_scheduler_kwargs have no effect: {file} has a scheduler of its own.",
                f"lr_scheduler_kwargs 不起作用：{file} 自带调度器。",
            )
        )


def _check_flags(file: Path, made: dict, settings: TrainSettings) -> None:
    """A file and a flag that say different things: which is meant nobody knows."""
    pairs = [(key, f"--{flag}", getattr(settings, flag)) for key, flag in FLAGS.items()]
    pairs.append(("optimizer.params.betas", "--adam_beta1, --adam_beta2", [settings.adam_beta1, settings.adam_beta2]))
    pairs.append(("scheduler.params.total_num_steps", "--max_steps", settings.max_steps))
    pairs.append(("scheduler.params.warmup_num_steps", *_warmup(settings)))
    num_batches = settings.gradient_accumulation_steps * int(os.environ.get("WORLD_SIZE", "1"))
    pairs.append(
        (
            "train_batch_size",
            tr("that of all processes by the flags", "按参数计算的全部进程总批大小"),
            settings.per_device_train_batch_size * num_batches,
        )
    )
    for key, flag, wanted in pairs:
        value = value_at(made, key)
        if value not in (None, "auto") and wanted is not None and value != wanted:
            raise UsageError(
                tr(
                    f"{file}: {key} is {json.dumps(value)}, and {flag} is {wanted}.",
                    f"{file}：{key} 为 {json.dumps(value)}，而 {flag} 为 {wanted}。",
                ),
                tr('write "auto" in the file: then the flag holds', '在文件中写 "auto"，则以参数为准'),
            )


def _warmup(settings: TrainSettings) -> tuple[str, float]:
    """The flag that says how long the run warms up, and its value; a share is no number of steps. DeepSpeed's least is 1."""
    if settings.warmup_steps is None and settings.warmup_ratio:
        return "--warmup_ratio", settings.warmup_ratio
    steps = settings.warmup_steps or 0
    return "--warmup_steps", max(1, int(steps)) if steps >= 1 or not steps else steps
