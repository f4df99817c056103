"""Every field of transformers' TrainingArguments and of TRL's DPOConfig: which flag decides it, which `--training_argument` may
set, and why not the others. A field that stands nowhere here is refused. Imports neither library.

What may be set has its effect: each has a test that shows it. Some are done here and never reach transformers (`OWN`), which
would do them wrongly: it knows no weights of messages and no documents within a row.
"""

from typing import Literal

from zhinao import config
from zhinao.errors import UsageError
from zhinao.lang import tr

# field: the flag that decides it
FLAGS = {
    **{name: name for name in (
        "output_dir", "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
        "gradient_accumulation_steps", "learning_rate", "lr_scheduler_type", "warmup_steps", "optim", "adam_beta1", "adam_beta2",
        "adam_epsilon", "weight_decay", "max_grad_norm", "seed", "bf16", "fp16", "tf32", "use_cpu", "gradient_checkpointing",
        "save_strategy", "save_steps", "save_total_limit", "eval_steps", "logging_steps", "report_to", "run_name",
        "log_on_each_node", "deepspeed", "local_rank",
    )},
    "activation_checkpointing": "gradient_checkpointing", "eval_strategy": "eval_steps", "logging_strategy": "logging_steps",
    "resume_from_checkpoint": "resume", "parallelism_config": "sequence_parallel_size", "fsdp": "parallel",
    "fsdp_config": "parallel",
    # what earlier versions of transformers and other programs call it
    "warmup_ratio": "warmup_ratio", "evaluation_strategy": "eval_steps", "no_cuda": "use_cpu", "logging_dir": "output_dir",
    "overwrite_output_dir": "output_dir", "max_seq_length": "model_max_length", "packing": "is_concat",
    "dataset_text_field": "format",
}  # fmt: skip
# of DPOConfig
PREFERENCE_FLAGS = {
    "loss_type": "loss", "beta": "beta", "label_smoothing": "label_smoothing", "label_smoothing_factor": "label_smoothing",
    "max_length": "model_max_length", "truncation_mode": "overlong", "precompute_ref_log_probs": "reference",
    "precompute_ref_batch_size": "per_device_train_batch_size", "dataset_num_proc": "preprocessing_num_workers",
    "disable_dropout": "lora_dropout",
}  # fmt: skip
# field: its type
PASSED = {
    "lr_scheduler_kwargs": dict,
    "optim_args": str,
    "optim_target_modules": str | list[str],
    "data_seed": int,
    "train_sampling_strategy": Literal["random", "sequential"],
    "label_smoothing_factor": float,
    "neftune_noise_alpha": float,
    "logging_first_step": bool,
    "log_level": Literal["debug", "info", "warning", "error", "critical", "passive"],
    "log_level_replica": Literal["debug", "info", "warning", "error", "critical", "passive"],
    "eval_delay": float,
    "eval_on_start": bool,
    "load_best_model_at_end": bool,
    "metric_for_best_model": str,
    "greater_is_better": bool,
    "torch_empty_cache_steps": int,
    "full_determinism": bool,
    "dataloader_num_workers": int,
    "dataloader_persistent_workers": bool,
    "dataloader_prefetch_factor": int,
    "dataloader_multiprocessing_context": Literal["fork", "spawn", "forkserver"],
    "dataloader_in_order": bool,
    "ddp_bucket_cap_mb": int,
    "ddp_broadcast_buffers": bool,
    "ddp_static_graph": bool,
}
OWN = ("label_smoothing_factor", "neftune_noise_alpha", "load_best_model_at_end")  # `head.py`, `noise.py`, `best.py`
_NOT_BELOW = {"data_seed": 0, "neftune_noise_alpha": 0, "eval_delay": 0, "dataloader_num_workers": 0,
              "torch_empty_cache_steps": 1, "dataloader_prefetch_factor": 1, "ddp_bucket_cap_mb": 1}  # fmt: skip
# why not, in both languages: which
_REFUSED = {
    ("held-out data are judged by their loss alone", "验证只计算损失"): (
        "bf16_full_eval", "fp16_full_eval", "prediction_loss_only", "eval_do_concat_batches", "eval_use_gather_object",
        "eval_accumulation_steps", "include_for_metrics", "batch_eval_metrics", "label_names"),
    ("checkpoints are whole, and a run goes on from them bit by bit", "检查点总是完整的，并可逐位一致地继续训练"): (
        "save_only_model", "save_on_each_node", "enable_jit_checkpoint", "ignore_data_skip",
        "restore_callback_states_from_checkpoint"),
    ("nothing is uploaded", "不会上传任何内容"): (
        "push_to_hub", "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy", "hub_always_push", "hub_revision"),
    ("rows are read by our own loader, the last ones too", "数据由自带的加载器读取，最后一批也不丢弃"): (
        "dataloader_drop_last", "dataloader_pin_memory", "remove_unused_columns", "length_column_name", "accelerator_config"),
    ("the loss is computed in the last layer; Liger Kernel's is taken by itself where it is installed",
     "损失在最后一层内计算；装有 Liger Kernel 时自动采用"): ("use_liger_kernel", "liger_kernel_config"),
    ("a batch is as large as its flags say: `zhinao plan` finds what fits", "批大小由参数决定：用 `zhinao plan` 找到放得下的设置"): (
        "auto_find_batch_size",),
    ("tokens, memory and losses are in the log always", "日志总会记录 token 数、内存和损失"): (
        "include_num_input_tokens_seen", "skip_memory_metrics", "logging_nan_inf_filter", "disable_tqdm"),
    ("there is no such tracker here", "此处没有这种记录服务"): (
        "project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"),
    ("the loss guard finds a bad step and keeps its batch", "损失守卫会找出异常步并保存其批次"): ("debug",),
    ("rows have lengths of their own: each would be compiled anew", "每行长度不同，会反复编译"): (
        "torch_compile", "torch_compile_backend", "torch_compile_mode"),
    ("it follows from the device and from `--parallel`", "由设备和 `--parallel` 决定"): (
        "ddp_backend", "ddp_timeout", "ddp_find_unused_parameters", "average_tokens_across_devices",
        "activation_checkpointing_kwargs", "gradient_checkpointing_kwargs", "use_cache"),
    ("the verb says what is done", "由命令本身决定"): ("do_train", "do_eval", "do_predict"),
}  # fmt: skip
_REFUSED_PREFERENCE = {
    ("the losses are those of --loss, over whole answers", "损失由 --loss 决定，按整个回答计算"): (
        "loss_weights", "ld_alpha", "f_divergence_type", "f_alpha_divergence_coef", "use_weighting", "discopop_tau",
        "router_aux_loss_coef"),
    ("the reference stays what the model was", "参考模型保持训练前的样子"): (
        "sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps", "neftune_noise_alpha"),
    ("rows are never padded", "数据行从不填充"): ("padding_free", "pad_to_multiple_of", "pad_token"),
    ("models are read by the family's own loader, without remote code", "模型由自带的加载器读取，不执行远程代码"): (
        "model_init_kwargs", "trust_remote_code"),
    ("`--gradient_checkpointing` saves memory here", "此处用 `--gradient_checkpointing` 节省显存"): ("activation_offloading",),
}  # fmt: skip


def refused(is_preference: bool) -> dict[str, tuple[str, str]]:
    """Field: why it may not be set, in both languages."""
    reasons = {**_REFUSED, **(_REFUSED_PREFERENCE if is_preference else {})}
    return {name: why for why, names in reasons.items() for name in names}


def flags(is_preference: bool) -> dict[str, str]:
    return {**FLAGS, **(PREFERENCE_FLAGS if is_preference else {})}


def checked(given: dict, is_preference: bool = False) -> dict:
    """`training_arguments` with values of the right types. Raises UsageError for a field that may not be set, and why."""
    return {name: _checked(name, value, is_preference) for name, value in given.items()}


def _checked(name: str, value, is_preference: bool):
    place = f"training_arguments.{name}"
    if flag := flags(is_preference).get(name):
        raise UsageError(
            tr(f"{place} is set by a flag of its own.", f"{place} 由单独的参数设置。"),
            f"--{flag}",
        )
    if why := refused(is_preference).get(name):
        raise UsageError(tr(f"{place} cannot be set: {why[0]}.", f"{place} 不能设置：{why[1]}。"))
    if name not in PASSED:
        raise UsageError(
            tr(f"training_arguments: unknown name {name!r}.", f"training_arguments：未知的名称 {name!r}。"),
            config.suggestion(name, [*PASSED, *flags(is_preference)]) or ", ".join(PASSED),
        )
    value = config.checked(place, value, PASSED[name])
    least = _NOT_BELOW.get(name)
    if least is not None and not least <= value < float("inf"):
        raise UsageError(tr(f"{place} is {value}; at least {least}.", f"{place} 为 {value}，至少为 {least}。"))
    if name == "label_smoothing_factor" and not 0 <= value < 1:
        raise UsageError(tr(f"{place} is {value}; from 0 to below 1.", f"{place} 为 {value}，应不小于 0 且小于 1。"))
    return value


def check(settings, is_preference: bool = False) -> None:
    """Raises UsageError also for what has no effect beside the other settings (a TrainSettings)."""
    given = checked(settings.training_arguments, is_preference)
    for name in given:
        if name.startswith("eval_") and not settings.is_evaluated:
            _without(name, tr("there is no held-out data", "没有验证数据"), "--eval_share 0.01")
        if (
            name.startswith("dataloader_")
            and name != "dataloader_num_workers"
            and not given.get("dataloader_num_workers")
        ):
            _without(
                name, tr("no workers load data", "没有加载数据的进程"), "--training_argument dataloader_num_workers=1"
            )
        if name.startswith("ddp_") and (settings.deepspeed or settings.parallel not in (None, "ddp")):
            _without(name, tr("that is for --parallel ddp", "仅适用于 --parallel ddp"), "--parallel ddp")


def _without(name: str, why: str, hint: str) -> None:
    raise UsageError(
        tr(f"training_arguments.{name} has no effect: {why}.", f"training_arguments.{name} 不起作用：{why}。"), hint
    )
