"""The model at the end of a run, in the output folder itself: it can be chatted with, served and trained on from there."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from zhinao import files
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.loop import checkpoint_copy, companions
from zhinao.train.net import adapters
from zhinao.train.settings import room
from zhinao.train.settings.settings import TrainSettings

_WORK = ".partial-model"
MERGED = "merged"


def write(trainer, settings: TrainSettings, source: Path, tokenizer: Tokenizer, best: Path | None = None) -> Path:
    """The trained weights in the precision that `source` has; adapters as they are, and merged where `--merge` says so.

    `best`: a checkpoint whose weights are taken instead of the trainer's; they are read from its files, whoever shares the
    model. All processes call it, since weights may have to be gathered. Returns the folder of a model that can be chatted
    with, or of the adapters.
    """
    output_dir = Path(settings.output_dir)
    state = None if best else trainer.accelerator.get_state_dict(trainer.model_wrapped)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not trainer.is_world_process_zero():
        return output_dir
    dtype = precision(source)
    kept = None if settings.is_adapter else dtype
    if best:
        size = sum(file.stat().st_size for file in best.glob("*.safetensors"))
        _place(output_dir, lambda work: checkpoint_copy.write(best, work, kept), size, source, tokenizer)
    else:
        size = sum(tensor.numel() * (kept or tensor.dtype).itemsize for tensor in state.values())
        _place(output_dir, lambda work: _save(model, state, kept, work), size, source, tokenizer)
    if not (settings.is_adapter and settings.merge):
        return output_dir
    whole = adapters.merged(adapters.restored(model, best) if best else model)
    with files.atomic_folder(output_dir / MERGED) as folder:
        _save(whole, whole.state_dict(), dtype, folder)
        companions.write(source, tokenizer, folder)
    return output_dir / MERGED


def precision(source: Path) -> torch.dtype:
    """Of the weights that training began with, as config.json says; float32 where it says nothing."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    name = config.get("dtype") or config.get("torch_dtype") or "float32"
    return getattr(torch, name.removeprefix("torch."))


def _place(output_dir: Path, save: Callable[[Path], None], size: int, source: Path, tokenizer: Tokenizer) -> None:
    """Beside checkpoints and logs a folder cannot be exchanged as a whole; its configuration goes last, so that until then
    nobody takes it for a model."""
    work = output_dir / _WORK
    shutil.rmtree(work, ignore_errors=True)
    files.check_free_space(output_dir, size, room.lacking())
    work.mkdir(parents=True)
    save(work)
    companions.write(source, tokenizer, work)
    last = ("config.json", "adapter_config.json")
    for file in sorted(work.iterdir(), key=lambda file: file.name in last):
        file.replace(output_dir / file.name)
    work.rmdir()


def _save(model, state: dict, dtype: torch.dtype | None, folder: Path) -> None:
    if dtype is None:
        model.save_pretrained(folder, state_dict=state)
        return
    before, model.config.dtype = model.config.dtype, dtype
    use_cache, model.config.use_cache = model.config.use_cache, True
    try:
        state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
        model.save_pretrained(folder, state_dict=state)
    finally:
        model.config.dtype, model.config.use_cache = before, use_cache


def sentence(folder: Path, settings: TrainSettings) -> str:
    """What to do with it."""
    if settings.is_adapter and folder.name != MERGED:
        return tr(
            f"The adapters are in {folder}. With --merge True the whole model is written too.",
            f"适配器在 {folder}。加 --merge True 还会写出合并后的完整模型。",
        )
    return tr(
        f"The model is in {folder}. Talk to it: zhinao chat {folder}",
        f"模型在 {folder}。与它对话：zhinao chat {folder}",
    )
