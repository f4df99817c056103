"""How several processes share a run, by name: `--parallel ddp | zero2 | zero3 | zero2-offload | zero3-offload | fsdp2`.

Each becomes arguments of transformers' TrainingArguments, which sets up DeepSpeed or accelerate. Starts no process.
"""

import importlib.util
import os
from dataclasses import dataclass, field

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.parallel import deepspeed
from zhinao.train.settings.settings import TrainSettings

# FSDP2 (torch's `fully_shard`) through accelerate: weights, gradients and optimizer states in slices, layer by layer.
_FSDP = {
    "version": 2,
    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",  # the layers that the model class names
    "reshard_after_forward": True,
    "cpu_ram_efficient_loading": True,  # one process of a machine reads the weights, the others get their slices
    "state_dict_type": "FULL_STATE_DICT",  # checkpoints hold whole weights, for any number of processes
}


@dataclass(frozen=True)
class Preset:
    """`arguments`: further TrainingArguments. `notes`: a sentence for each thing that was decided or translated."""

    arguments: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def of(settings: TrainSettings) -> Preset:
    """The preset for decided settings. Raises UsageError for a DeepSpeed file that cannot be meant, and for sequence
    parallelism where there is no GPU."""
    arguments, notes = {}, ()
    if uses_deepspeed(settings):
        arguments["deepspeed"], notes = deepspeed.configuration(settings)
    elif settings.parallel == "fsdp2":
        arguments |= _fsdp(settings)
    if settings.sequence_parallel_size > 1:
        arguments["parallelism_config"] = _sequence(settings)
    return Preset(arguments, tuple(notes))


def uses_deepspeed(settings: TrainSettings) -> bool:
    return bool(settings.deepspeed) or (settings.parallel or "").startswith("zero")


def shards_weights(settings: TrainSettings) -> bool:
    """Whether no process holds the whole model: then forward passes, also of generation, need all processes at once."""
    if settings.deepspeed:
        return deepspeed.stage(deepspeed.configuration(settings)[0]) == 3
    return settings.parallel in ("zero3", "zero3-offload", "fsdp2")


def _fsdp(settings: TrainSettings) -> dict:
    """TrainingArguments. On the CPU accelerate takes the process group as `processes.join` has described it."""
    made = {"fsdp": True, "fsdp_config": dict(_FSDP)}
    return made | ({"accelerator_config": {"use_configured_state": True}} if settings.use_cpu else {})


def _sequence(settings: TrainSettings):
    """One long row on several GPUs (DeepSpeed's Ulysses, through accelerate); not tried here, for want of GPUs. Raises UsageError without GPUs, without DeepSpeed, and for a size that divides nothing."""
    size = settings.sequence_parallel_size
    num_processes = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.use_cpu:
        raise UsageError(
            tr("--sequence_parallel_size needs GPUs.", "--sequence_parallel_size 需要 GPU。"),
            tr("on a CPU leave it at 1", "CPU 上请保持为 1"),
        )
    if not uses_deepspeed(settings):
        raise UsageError(
            tr("--sequence_parallel_size goes with DeepSpeed.", "--sequence_parallel_size 需要 DeepSpeed。"),
            "--parallel zero3",
        )
    if num_processes % size:
        raise UsageError(
            tr(
                f"--sequence_parallel_size is {size}; it must divide the {num_processes} processes.",
                f"--sequence_parallel_size 为 {size}，必须整除进程数 {num_processes}。",
            )
        )
    from accelerate.utils import DeepSpeedSequenceParallelConfig, ParallelismConfig

    kernel = "flash_attention_2" if importlib.util.find_spec("flash_attn") else "sdpa"
    return ParallelismConfig(
        sp_backend="deepspeed",
        sp_size=size,
        dp_replicate_size=1,
        dp_shard_size=num_processes // size,
        sp_handler=DeepSpeedSequenceParallelConfig(sp_seq_length_is_variable=True, sp_attn_implementation=kernel),
    )
