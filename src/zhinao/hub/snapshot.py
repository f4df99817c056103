"""Which files of a hub repository make a model, and in which order they come. Knows no particular hub.

Taken are safetensors, JSON, tokenizer and template files. Never taken: pickles (opening one can run any code) and `.py`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zhinao.errors import CheckpointError
from zhinao.files import check_free_space
from zhinao.hub.download import Expected
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.checkpoint import INDEX, SINGLE

_WEIGHTS = ".safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_BESIDE = (".json", ".txt", ".jinja", ".model", ".tiktoken")  # beside the weights
_BELOW = (".tiktoken", ".jinja")  # in folders below: `vocab/360.tiktoken`, further chat templates


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository: its path there, and what is known of its content."""

    name: str
    expected: Expected


def fetch(
    hub_id: str, listing: list[RemoteFile], folder: Path, get: Callable[[RemoteFile], None], with_weights: bool = True
) -> dict[str, list]:
    """Bring the model's files into `folder` with `get(file)`; what is there already and whole is up to `get`.

    Small files come first, so that a model that cannot be loaded is refused before its weights are fetched; without
    weights, that is all.
    Returns name -> [size, sha256 or None] of the weights. Raises CheckpointError, DiskError, and whatever `get` raises.
    """
    by_name = {file.name: file for file in listing}
    _refuse_without_weights(hub_id, by_name)
    small = [name for name in by_name if _is_small(PurePosixPath(name))]
    for name in small:
        get(by_name[name])
    architecture.read(folder)
    if not with_weights:
        return {}
    weights = _weights(hub_id, by_name, folder)
    check_free_space(folder, sum(w.expected.size or 0 for w in weights) - _num_bytes_here(folder))
    for file in weights:
        get(file)
    _drop_others(folder, {*small, *(file.name for file in weights)})
    return {file.name: [file.expected.size, file.expected.sha256] for file in weights}


def _is_small(path: PurePosixPath) -> bool:
    return path.suffix in (_BESIDE if len(path.parts) == 1 else _BELOW)


def num_bytes(listing: list[RemoteFile], with_weights: bool = True) -> int:
    """About what will be fetched; for the progress bar only, until the index of the weights is here."""
    return sum(
        file.expected.size or 0
        for file in listing
        if _is_small(PurePosixPath(file.name))
        or (with_weights and "/" not in file.name and file.name.endswith(_WEIGHTS))
    )


def _refuse_without_weights(hub_id: str, names) -> None:
    if any("/" not in name and name.endswith(_WEIGHTS) for name in names):
        return
    if pickles := sorted(name for name in names if name.endswith(_PICKLES)):
        raise CheckpointError(
            tr(
                f"{hub_id}: its weights are pickles ({pickles[0]}), which can run any code when they are opened; "
                "only safetensors are fetched.",
                f"{hub_id}：权重是 pickle 文件（{pickles[0]}），打开时可能执行任意代码；只下载 safetensors。",
            ),
            tr("look for a safetensors copy of it", "请寻找它的 safetensors 版本"),
        )
    if ggufs := sorted(name for name in names if name.endswith(".gguf")):
        raise CheckpointError(
            tr(f"{hub_id}: holds GGUF files, no safetensors.", f"{hub_id}：只有 GGUF 文件，没有 safetensors。"),
            tr(
                f"fetch one of them ({ggufs[0]}) and give the file as MODEL",
                f"请下载其中之一（{ggufs[0]}），再以该文件作为 MODEL",
            ),
        )
    raise CheckpointError(tr(f"{hub_id}: holds no model weights.", f"{hub_id}：没有模型权重。"))


def _weights(hub_id: str, by_name: dict[str, RemoteFile], folder: Path) -> list[RemoteFile]:
    """The weight files that a loader will read: those of the index, else the single one, else all."""
    if INDEX in by_name:
        try:
            wanted = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError):
            wanted = [""]
        if lost := [name for name in wanted if name not in by_name]:
            raise CheckpointError(
                tr(
                    f"{hub_id}: {INDEX} names files that the repository does not have ({lost[0] or '?'}).",
                    f"{hub_id}：{INDEX} 所列文件在仓库中不存在（{lost[0] or '?'}）。",
                )
            )
        return [by_name[name] for name in wanted]
    if SINGLE in by_name:
        return [by_name[SINGLE]]
    return [file for name, file in sorted(by_name.items()) if "/" not in name and name.endswith(_WEIGHTS)]


def _num_bytes_here(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _drop_others(folder: Path, wanted: set[str]) -> None:
    """Left-overs of an earlier run (another revision's files, a client's own notes)."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
