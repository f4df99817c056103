"""The model at the end of a run, in the output folder itself: it can be chatted with, served and trained on from there.

With it stands what belongs to it besides weights: tokenizer, the template it was trained with, where answers end.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from zhinao import files
from zhinao.family import CHAT_TEMPLATE
from zhinao.files import write_json
from zhinao.lang import tr
from zhinao.model import defaults
from zhinao.model.tokenizer import Tokenizer
from zhinao.model.tokenizer_folder import read_json, write_chat_templates
from zhinao.train.loop import room
from zhinao.train.net import adapters
from zhinao.train.settings.settings import TrainSettings

_WORK = ".partial-model"
MERGED = "merged"
_INDEX = "model.safetensors.index.json"
_FRAME = ("<|im_start|>", "<|im_end|>")


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
        _place(output_dir, lambda work: _copy(best, work, kept), size, source, tokenizer)
    else:
        size = sum(tensor.numel() * (kept or tensor.dtype).itemsize for tensor in state.values())
        _place(output_dir, lambda work: _save(model, state, kept, work), size, source, tokenizer)
    if not (settings.is_adapter and settings.merge):
        return output_dir
    whole = adapters.merged(adapters.restored(model, best) if best else model)
    with files.atomic_folder(output_dir / MERGED) as folder:
        _save(whole, whole.state_dict(), dtype, folder)
        write_companions(source, tokenizer, folder)
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
    write_companions(source, tokenizer, work)
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


def _copy(checkpoint: Path, folder: Path, dtype: torch.dtype | None) -> None:
    """Weights and configuration of `checkpoint`, adapters or a whole model, as files: no model is loaded. `dtype`: of the floating-point weights
    there, one file in memory at a time; None copies the files as they are."""
    for file in sorted(checkpoint.glob("*.safetensors")):
        if dtype is None:
            shutil.copyfile(file, folder / file.name)
        else:
            _cast(file, folder / file.name, dtype)
    for name in ("adapter_config.json", "README.md"):
        if (checkpoint / name).exists():
            shutil.copyfile(checkpoint / name, folder / name)
    if (checkpoint / _INDEX).exists():
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        index = json.loads((checkpoint / _INDEX).read_text(encoding="utf-8"))
        write_json(folder / _INDEX, {**index, "metadata": {**index.get("metadata", {}), "total_size": size}})
    if dtype is not None:
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
        name = "torch_dtype" if "torch_dtype" in config else "dtype"
        write_json(folder / "config.json", {**config, name: str(dtype).removeprefix("torch."), "use_cache": True})


def _cast(file: Path, target: Path, dtype: torch.dtype) -> None:
    from safetensors.torch import load_file, save_file

    weights = {name: value.to(dtype) if value.is_floating_point() else value for name, value in load_file(file).items()}
    save_file(weights, target, metadata={"format": "pt"})


def write_companions(source: Path, tokenizer: Tokenizer, folder: Path) -> None:
    """Into `folder`, so that it can be chatted with and served as it is; `source` is the folder that training began with."""
    tokenizer.save(folder)
    if template := tokenizer.chat_template or _chatml(tokenizer):
        write_chat_templates(folder, template, tokenizer.named_templates)
    stop = defaults.read(source, tokenizer).stop_ids
    settings = {**read_json(source / defaults.FILE), "eos_token_id": list(stop)}
    if tokenizer.pad_id is not None:
        settings["pad_token_id"] = tokenizer.pad_id
    write_json(folder / defaults.FILE, settings)
    for pattern in ("LICENSE*", "LICENCE*", "NOTICE*"):
        for file in source.glob(pattern):
            shutil.copyfile(file, folder / file.name)


def _chatml(tokenizer: Tokenizer) -> str | None:
    """A tokenizer without a template was trained in ChatML, where it has its tokens."""
    return CHAT_TEMPLATE if all(token in tokenizer.control_tokens for token in _FRAME) else None


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
