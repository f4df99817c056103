"""DeepSpeed's configuration: ours by name, or a file of the user's own (`deepspeed_file.py`), with what would fail later translated.

In ours everything that a flag says is "auto", so that the flag holds. The optimizer is torch's: nothing is compiled at the start.
"""

import copy
import json
import os
import re
import shutil
from importlib import resources
from pathlib import Path

from zhinao.lang import tr
from zhinao.train.parallel import deepspeed_file
from zhinao.train.settings import precision
from zhinao.train.settings.settings import TrainSettings


def configuration(settings: TrainSettings) -> tuple[dict, list[str]]:
    """The configuration, and sentences about what was decided. Raises UsageError naming file and key."""
    if settings.parallel:
        return own(settings.parallel), []
    file = Path(settings.deepspeed)
    if not file.exists() and (name := _meant(file)):
        note = tr(
            f"{file}: there is no such file; `--parallel {name}` is taken, as its name says.",
            f"{file}：没有这个文件；按文件名使用 `--parallel {name}`。",
        )
        return own(name), [note]
    made = deepspeed_file.read(file)
    notes = _without_bf16(file, made, settings)
    deepspeed_file.check(file, made, settings)
    made, more = _translated(file, made, settings)
    return made, notes + more


def own(name: str) -> dict:
    """The configuration of `zero2`, `zero3`, `zero2-offload` or `zero3-offload`."""
    base, _, offload = name.partition("-")
    made = json.loads((resources.files(__package__) / f"{base}.json").read_text(encoding="utf-8"))
    if offload:
        place = {"device": "cpu", "pin_memory": shutil.which("nvidia-smi") is not None}
        made["zero_optimization"]["offload_optimizer"] = dict(place)
        if base == "zero3":
            made["zero_optimization"]["offload_param"] = dict(place)
        made["zero_force_ds_cpu_optimizer"] = False  # torch's AdamW; DeepSpeed's own would have to be compiled
    return made


def stage(made: dict) -> int:
    """The ZeRO stage of a configuration, 0 to 3."""
    return int(made.get("zero_optimization", {}).get("stage", 0))


def _meant(file: Path) -> str | None:
    """The preset that a missing file's name means, as `ds_config_zero2.json` does; None where it means none."""
    found = re.search(r"zero[_-]?([23])(.*off)?", file.stem.lower())
    return found and f"zero{found[1]}{'-offload' if found[2] else ''}"


def _without_bf16(file: Path, made: dict, settings: TrainSettings) -> list[str]:
    """`made` is changed where it demands what the processor does not have; the flag has been changed already."""
    if not (deepspeed_file.value_at(made, "bf16.enabled") is True and precision.is_out_of_reach(settings)):
        return []
    made["bf16"] = {**made["bf16"], "enabled": False}
    note = tr("this processor has no such products, float32 is taken", "本机处理器没有这种乘法，改用 float32")
    return [f"{file}: bf16.enabled: {note}"]


def _translated(file: Path, made: dict, settings: TrainSettings) -> tuple[dict, list[str]]:
    made, notes = copy.deepcopy(made), []
    if "scheduler" in made:
        name = made["scheduler"].get("type", "scheduler")
        notes.append(
            tr(
                f"{file} has a scheduler of its own ({name}): it is used, and --lr_scheduler_type {settings.lr_scheduler_type} is not. "
                "Without its `scheduler` section the flag holds.",
                f"{file} 自带调度器（{name}）：以它为准，--lr_scheduler_type {settings.lr_scheduler_type} 不生效。"
                "删去其中的 `scheduler` 一节则以参数为准。",
            )
        )
    if "optimizer" in made and settings.optim != "adamw_torch":
        name = made["optimizer"].get("type", "optimizer")
        notes.append(
            tr(
                f"{file} has an optimizer of its own ({name}): it is used, and --optim {settings.optim} is not.",
                f"{file} 自带优化器（{name}）：以它为准，--optim {settings.optim} 不生效。",
            )
        )
    if _is_adam(made) and not _can_compile(settings):
        made["optimizer"].setdefault("params", {})["torch_adam"] = True
        notes.append(
            tr(
                "DeepSpeed's own Adam would have to be compiled here; torch's is taken.",
                "DeepSpeed 自带的 Adam 需要在本机编译；改用 torch 的 Adam。",
            )
        )
    made.setdefault("zero_optimization", {"stage": 0})  # accelerate wants the section
    if stage(made) == 3 and not made["zero_optimization"].get("stage3_gather_16bit_weights_on_model_save"):
        made["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] = True
        notes.append(tr("Checkpoints will hold whole weights.", "检查点将包含完整权重。"))
    if "optimizer" not in made and "offload_optimizer" in made.get("zero_optimization", {}):
        made.setdefault("zero_force_ds_cpu_optimizer", False)
    return made, notes


def _is_adam(made: dict) -> bool:
    return str(deepspeed_file.value_at(made, "optimizer.type")).lower() in ("adam", "adamw")


def _can_compile(settings: TrainSettings) -> bool:
    """Whether DeepSpeed could build its operators: on a GPU machine with CUDA's compiler. On a CPU it would take minutes."""
    return not settings.use_cpu and bool(os.environ.get("CUDA_HOME") or shutil.which("nvcc"))
