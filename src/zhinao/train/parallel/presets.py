"""How several processes share a run, by name: `--parallel ddp | zero2 | zero3 | zero2-offload | zero3-offload | fsdp2`.

Each becomes arguments of transformers' TrainingArguments, which sets up DeepSpeed or accelerate. Starts no process.
"""

from dataclasses import dataclass, field

from zhinao.train.parallel import deepspeed, fsdp, sequence
from zhinao.train.settings.settings import TrainSettings


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
        arguments |= fsdp.arguments(settings)
    if settings.sequence_parallel_size > 1:
        arguments["parallelism_config"] = sequence.configuration(settings, uses_deepspeed(settings))
    return Preset(arguments, tuple(notes))


def uses_deepspeed(settings: TrainSettings) -> bool:
    return bool(settings.deepspeed) or (settings.parallel or "").startswith("zero")


def shards_weights(settings: TrainSettings) -> bool:
    """Whether no process holds the whole model: then forward passes, also of generation, need all processes at once."""
    if settings.deepspeed:
        return deepspeed.stage(deepspeed.configuration(settings)[0]) == 3
    return settings.parallel in ("zero3", "zero3-offload", "fsdp2")
