"""Which files of a hub repository make a model, and in which order they come. Knows no particular hub.

Taken are safetensors, JSON, tokenizer and template files. Never taken: pickles (opening one can run any code) and `.py`.
A listing is a stranger's word: names that leave the folder are refused before anything is fetched (`foreign.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.files import check_free_space, human_size
from zhinao.hub.download import Expected
from zhinao.lang import tr
from zhinao.model import architecture
from zhinao.model.checkpoint import INDEX, SINGLE

_WEIGHTS = ".safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_BESIDE = (".json", ".txt", ".jinja", ".model", ".tiktoken")  # beside the weights
_BELOW = (".tiktoken", ".jinja")  # in folders below: `vocab/360.tiktoken`, further chat templates
_NOT_TAKEN = (
    "adapter_config.json",
    "zhinao-origin.json",
)  # the first lets transformers load another model; the second is ours
_MAX_SMALL_FILES, _MAX_SMALL_BYTES = 1000, 2**30


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
    _refuse_names(hub_id, [file.name for file in listing])
    _refuse_nonsense(hub_id, listing)
    _refuse_without_weights(hub_id, by_name)
    small = [name for name in by_name if _is_small(name)]
    _refuse_masses(hub_id, [by_name[name] for name in small])
    for name in small:
        _get(by_name[name], folder, get)
    architecture.read(folder)
    if not with_weights:
        return {}
    weights = _weights(hub_id, by_name, folder)
    check_free_space(folder, sum(w.expected.size or 0 for w in weights) - _num_bytes_here(folder))
    for file in weights:
        _get(file, folder, get)
    _drop_others(folder, {*small, *(file.name for file in weights)})
    return {file.name: [file.expected.size, file.expected.sha256] for file in weights}


def _is_small(name: str) -> bool:
    if not foreign.is_plain(name) or name in _NOT_TAKEN:
        return False
    return PurePosixPath(name).suffix in (_BELOW if "/" in name else _BESIDE)


def _is_weights(name: str) -> bool:
    return foreign.is_plain(name) and name.endswith(_WEIGHTS)


def _refuse_names(hub_id: str, names: list) -> None:
    """Of a listing with one name that leaves the folder nothing is believed."""
    if bad := [name for name in names if foreign.leaves(name)]:
        raise CheckpointError(
            tr(
                f"{hub_id}: the hub lists a file that would lie outside of the model's folder "
                f"({foreign.shown(bad[0])}); nothing was fetched.",
                f"{hub_id}：来源列出了会写到模型目录之外的文件（{foreign.shown(bad[0])}），未下载任何内容。",
            ),
            tr(
                "do not trust this repository, or the mirror that HF_ENDPOINT names",
                "请勿信任该仓库，或 HF_ENDPOINT 所指的镜像",
            ),
        )


def _refuse_nonsense(hub_id: str, listing: list[RemoteFile]) -> None:
    """Sizes and hashes are used in sums and in names of files."""
    for file in listing:
        if not file.expected.is_sane:
            name = foreign.shown(file.name)
            raise CheckpointError(
                tr(
                    f"{hub_id}: what the hub says of {name} is neither a size nor a hash.",
                    f"{hub_id}：来源给出的 {name} 的大小或哈希无效。",
                )
            )


def _refuse_masses(hub_id: str, small: list[RemoteFile]) -> None:
    """What is fetched before anybody knows whether it is a model may not fill the disk."""
    size = sum(file.expected.size or 0 for file in small)
    if len(small) > _MAX_SMALL_FILES or size > _MAX_SMALL_BYTES:
        raise CheckpointError(
            tr(
                f"{hub_id}: {len(small)} files ({human_size(size)}) beside the weights; that is no model.",
                f"{hub_id}：权重之外有 {len(small)} 个文件（{human_size(size)}），不像是模型。",
            )
        )


def _get(file: RemoteFile, folder: Path, get: Callable[[RemoteFile], None]) -> None:
    """Through no link that an earlier run or another program left in the folder."""
    target = folder / file.name
    if target.is_symlink():
        target.unlink()
    if not target.resolve().is_relative_to(folder.resolve()):
        raise CheckpointError(
            tr(
                f"{target}: a link leads out of the model's folder; nothing is written there.",
                f"{target}：有链接指向模型目录之外，不会写入。",
            ),
            tr(f"remove {folder}, then run the same command again", f"请删除 {folder}，再重新运行同一命令"),
        )
    get(file)


def num_bytes(listing: list[RemoteFile], with_weights: bool = True) -> int:
    """About what will be fetched; for the progress bar only, until the index of the weights is here."""
    wanted = [
        file
        for file in listing
        if _is_small(file.name) or (with_weights and _is_weights(file.name) and "/" not in file.name)
    ]
    return sum(file.expected.size or 0 for file in wanted if file.expected.is_sane)


def _refuse_without_weights(hub_id: str, names) -> None:
    if any("/" not in name and _is_weights(name) for name in names):
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
            wanted = sorted(set(foreign.read_json(folder / INDEX)["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError):
            wanted = [""]
        if lost := [name for name in wanted if name not in by_name or not _is_weights(name)]:
            name = foreign.shown(lost[0]) or "?"
            raise CheckpointError(
                tr(
                    f"{hub_id}: {INDEX} names weights that the repository does not have ({name}).",
                    f"{hub_id}：{INDEX} 所列权重在仓库中不存在（{name}）。",
                )
            )
        return [by_name[name] for name in wanted]
    if SINGLE in by_name:
        return [by_name[SINGLE]]
    return [file for name, file in sorted(by_name.items()) if "/" not in name and _is_weights(name)]


def _num_bytes_here(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _drop_others(folder: Path, wanted: set[str]) -> None:
    """Left-overs of an earlier run (another revision's files, a client's own notes)."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
