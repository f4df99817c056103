"""The weights of a checkpoint, copied as files into another folder, in another precision where one is asked for. Loads no model."""

import json
import shutil
from pathlib import Path

import torch

from zhinao.files import write_json

_INDEX = "model.safetensors.index.json"


def write(checkpoint: Path, folder: Path, dtype: torch.dtype | None) -> None:
    """Weights and configuration of `checkpoint`, which are adapters or a whole model. `dtype`: of the floating-point weights
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
