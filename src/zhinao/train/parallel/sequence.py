"""One long row on several GPUs (DeepSpeed's Ulysses, through accelerate). GPU only; not tried here, for want of GPUs."""

import importlib.util
import os

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings


def configuration(settings: TrainSettings, uses_deepspeed: bool):
    """accelerate's ParallelismConfig. Raises UsageError without GPUs, without DeepSpeed, and for a size that divides nothing."""
    size = settings.sequence_parallel_size
    num_processes = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.use_cpu:
        raise UsageError(
            tr("--sequence_parallel_size needs GPUs.", "--sequence_parallel_size 需要 GPU。"),
            tr("on a CPU leave it at 1", "CPU 上请保持为 1"),
        )
    if not uses_deepspeed:
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
