"""Merges folders tensor by tensor: memory for one tensor of each model. Everything beside the weights is the first model's."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao import files
from zhinao.errors import CheckpointError, UsageError
from zhinao.export import companions
from zhinao.lang import tr
from zhinao.model.checkpoint import NUMPY_TYPES, Checkpoint, ShardWriter, to_bf16, to_float32
from zhinao.reason.merge import ways

_COMPANION_BYTES = 10**8
SHARD_BYTES = 4 * 10**9


@dataclass(frozen=True)
class How:
    """`weights`: one a model, for slerp (1 - t, t). `base`: what ties takes differences from. `density`: share of them that is kept."""

    name: str
    weights: tuple[float, ...]
    base: Path | None = None
    density: float = 0.5


def merge(models: Sequence[Path], out: Path, how: How, origin: dict | None = None) -> int:
    """Returns the bytes written. `origin` is kept in `merge.json`. Raises CheckpointError where the models do not fit together or a
    merged number is none, UsageError, DiskError; `out` is whole or absent."""
    checkpoints = [Checkpoint(folder) for folder in models]
    base = Checkpoint(how.base) if how.base else None
    first = checkpoints[0]
    for other in (*checkpoints[1:], *([base] if base else [])):
        _check_alike(first, other)
    if out.exists():
        raise UsageError(
            tr(f"{out}: exists already.", f"{out}：已存在。"), tr("name another folder", "请指定另一个目录")
        )
    plan = [(name, info.dtype, info.shape) for name, info in first.stored.items()]
    writer = ShardWriter(out, plan, SHARD_BYTES)
    files.check_free_space(out.parent, writer.num_bytes + _COMPANION_BYTES)
    with files.atomic_folder(out) as work:
        writer.folder = work
        companions.write(first.folder, work, first.architecture.family, None)
        shutil.copyfile(first.folder / "config.json", work / "config.json")
        files.write_json(
            work / "merge.json", {"how": how.name, "weights": how.weights, "density": how.density, **(origin or {})}
        )
        _write(writer, checkpoints, base, _way(how))
    return writer.num_bytes


def _write(writer: ShardWriter, checkpoints: list[Checkpoint], base: Checkpoint | None, way: Callable) -> None:
    for name, info in checkpoints[0].stored.items():
        tensors = [_read(one, name) for one in checkpoints]
        merged = way(tensors, _read(base, name) if base else None)
        writer.write(name, _stored(merged, info.dtype, name))
    writer.finish()


def _way(how: How) -> Callable:
    if how.name == "ties":
        return lambda tensors, base: ways.ties(base, tensors, how.weights, how.density)
    if how.name == "slerp":
        return lambda tensors, base: ways.slerp(*tensors, how.weights[1] / sum(how.weights))
    return lambda tensors, base: ways.linear(tensors, how.weights)


def _read(checkpoint: Checkpoint, name: str) -> np.ndarray:
    info = checkpoint.stored[name]
    return to_float32(info.read(), info.dtype)


def _stored(merged: np.ndarray, dtype: str, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        array = to_bf16(merged) if dtype == "BF16" else merged.astype(NUMPY_TYPES[dtype])
    if not np.isfinite(to_float32(array, dtype)).all():
        raise CheckpointError(
            tr(f"{name}: the merge holds numbers that are none.", f"{name}：合并结果含有非有限的数。"),
            tr("check the weights of the models, and --weights", "请检查各模型的权重与 --weights"),
        )
    return array


def _check_alike(first: Checkpoint, other: Checkpoint) -> None:
    """One shape, one layout, one vocabulary: anything else would merge without a word and speak nonsense."""
    shapes, others = ({name: info.shape for name, info in one.stored.items()} for one in (first, other))
    differing = sorted(name for name in shapes.keys() | others.keys() if shapes.get(name) != others.get(name))
    if differing:
        name = differing[0]
        raise CheckpointError(
            tr(
                f"{other.folder}: {name} is {others.get(name)}, in {first.folder} {shapes.get(name)}; only models of one shape and layout merge.",
                f"{other.folder}：{name} 为 {others.get(name)}，而 {first.folder} 中为 {shapes.get(name)}；只能合并形状与布局相同的模型。",
            ),
            tr("`zhinao convert` brings both into one layout", "可用 `zhinao convert` 转为相同布局"),
        )
    if (ours := _vocabulary(first.folder)) and (theirs := _vocabulary(other.folder)) and ours != theirs:
        raise CheckpointError(
            tr(
                f"{other.folder}: its tokenizer is another than that of {first.folder}.",
                f"{other.folder}：分词器与 {first.folder} 不同。",
            )
        )


def _vocabulary(folder: Path) -> dict | None:
    """Token -> id, added ones included; None where no `tokenizer.json` says it."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        return {**raw["model"]["vocab"], **{one["content"]: one["id"] for one in raw.get("added_tokens", [])}}
    except (ValueError, KeyError, TypeError):
        return None
