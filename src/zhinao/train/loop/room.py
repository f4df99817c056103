"""What a run writes to the disk, in bytes: known from the model's sizes before the run starts, and from its weights when it saves."""

import math
from pathlib import Path

from zhinao import files
from zhinao.lang import tr
from zhinao.train.net import sizes as sizes_of
from zhinao.train.net.sizes import Sizes
from zhinao.train.parallel import presets
from zhinao.train.settings.optimizers import state_bytes
from zhinao.train.settings.settings import TrainSettings

_ITEM_BYTES = {"float32": 4, "float64": 8}  # all others take two


def checkpoint(
    weights: int, num_trained: int, optim: str, *, is_deepspeed: bool = False, is_sharded: bool = False
) -> int:
    """Of one checkpoint: `weights` bytes, and the optimizer's state. DeepSpeed and FSDP write the weights once more in a form of
    their own, DeepSpeed also its float32 masters."""
    again = weights if is_deepspeed or is_sharded else 0
    masters = 4 * num_trained if is_deepspeed else 0
    return int(weights + state_bytes(optim) * num_trained) + again + masters


def needed(settings: TrainSettings, sizes: Sizes, is_resumed: bool = False) -> int:
    """The least that a run writes: the model at its end, and before that the checkpoints that are certain to stand there at once.
    A run that goes on has its checkpoints."""
    if settings.is_adapter:
        sizes = sizes_of.with_adapters(sizes, settings.lora_targets, settings.lora_rank, settings.method == "dora")
    trained, whole = sizes.trainable(settings.is_adapter), sizes.total * _ITEM_BYTES.get(sizes.arch.dtype, 2)
    model = 4 * trained + (whole if settings.merge else 0) if settings.is_adapter else whole
    is_deepspeed = presets.uses_deepspeed(settings)
    is_sharded = settings.parallel == "fsdp2"
    one = checkpoint(4 * trained, trained, settings.optim, is_deepspeed=is_deepspeed, is_sharded=is_sharded)
    saves = 0 if is_resumed else num_saves(settings)
    kept = min(saves, settings.save_total_limit)
    return max(kept * one + model, (kept + (saves > kept)) * one)


def num_saves(settings: TrainSettings) -> int:
    """How often a run saves at least."""
    if settings.save_strategy == "no":
        return 0
    if settings.save_strategy == "steps" and settings.max_steps > 0:
        return math.ceil(settings.max_steps / settings.save_steps)
    is_by_epoch = settings.save_strategy == "epoch" and settings.max_steps < 0
    return math.ceil(settings.num_train_epochs) if is_by_epoch else 1


def check(settings: TrainSettings, sizes: Sizes, is_resumed: bool = False) -> None:
    """Raises DiskError where the disk of the output has no room for that."""
    lack = tr("free some space, or choose another --output_dir", "请腾出空间，或换一个 --output_dir")
    files.check_free_space(Path(settings.output_dir), needed(settings, sizes, is_resumed), lack)


def lacking() -> str:
    """What to do when a run under way finds no room."""
    return tr("free some space, then go on with --resume auto", "腾出空间后用 --resume auto 继续")
