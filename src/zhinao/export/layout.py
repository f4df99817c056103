"""Tensors of one layout as those of the other, one at a time and bit for bit. Needs numpy alone.

The fused rows are `model/qkv.py`'s business; this file only says which tensors are read together and what is written
from them. It does not look at `config.json` beyond the sizes: whether a conversion may be made at all is `target.py`'s.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model import qkv
from zhinao.model.architecture import Architecture
from zhinao.model.checkpoint import NUMPY_TYPES, Checkpoint, ShardWriter, TensorInfo

COPY, SPLIT, FUSE, ZEROS = "copy", "split", "fuse", "zeros"


@dataclass(frozen=True)
class Planned:
    """A tensor to be written; `dtype` in safetensors' names."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(NUMPY_TYPES[self.dtype]).itemsize


@dataclass(frozen=True)
class Step:
    """What is read together and what is written from it: 1 -> 1 (copy), 1 -> 3 (split), 3 -> 1 (fuse), 0 -> n (zeros)."""

    kind: str
    reads: tuple[TensorInfo, ...]
    writes: tuple[Planned, ...]


def plan(checkpoint: Checkpoint, is_fused: bool, adds_bias: bool = False) -> list[Step]:
    """The steps from `checkpoint` to the fused or the split layout, in the order in which the source lies on disk.

    With `adds_bias`, a source without q, k and v biases (Llama) gets zero ones. Raises CheckpointError where q, k and v
    of a layer have different types, which one fused tensor cannot hold.
    """
    arch = checkpoint.architecture
    shapes = replace(arch, has_qkv_bias=arch.has_qkv_bias or adds_bias).tensor_shapes(is_fused)
    place = {file: n for n, file in enumerate(checkpoint.files)}
    steps, done = [], set()
    for info in sorted(checkpoint.stored.values(), key=lambda i: (place[i.file], i.offset)):
        if info.name in done:
            continue
        step = _step(checkpoint, info, is_fused, shapes)
        done.update(read.name for read in step.reads)
        steps.append(step)
        if adds_bias and not arch.has_qkv_bias and (zeros := _zero_biases(step, shapes)):
            steps.append(zeros)
    return steps


def _step(checkpoint: Checkpoint, info: TensorInfo, is_fused: bool, shapes: dict) -> Step:
    fused = qkv.fused_name(info.name)
    if fused and is_fused:
        reads = tuple(checkpoint.stored[name] for name in qkv.split_names(fused))
        _check_one_type(reads)
        return Step(FUSE, reads, (Planned(fused, info.dtype, shapes[fused]),))
    if f".{qkv.FUSED}." in info.name and not is_fused:
        writes = tuple(Planned(name, info.dtype, shapes[name]) for name in qkv.split_names(info.name))
        return Step(SPLIT, (info,), writes)
    return Step(COPY, (info,), (Planned(info.name, info.dtype, info.shape),))


def _zero_biases(step: Step, shapes: dict) -> Step | None:
    """The biases that belong to the q, k, v weights just written."""
    names = [(w.name.removesuffix("weight") + "bias", w.dtype) for w in step.writes]
    writes = tuple(Planned(name, dtype, shapes[name]) for name, dtype in names if name in shapes)
    return Step(ZEROS, (), writes) if writes else None


def _check_one_type(reads: tuple[TensorInfo, ...]) -> None:
    if len({info.dtype for info in reads}) > 1:
        found = ", ".join(f"{info.name} {info.dtype}" for info in reads)
        raise CheckpointError(
            tr(
                f"{reads[0].file}: q, k and v of one layer have different types ({found}); one fused tensor has one type.",
                f"{reads[0].file}：同一层的 q、k、v 类型不同（{found}），无法合并为一个张量。",
            ),
            tr("store the checkpoint in one type first", "请先把检查点统一为一种类型"),
        )


def produce(step: Step, arch: Architecture) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of one step (bf16 as uint16). Holds at most twice the bytes that it reads."""
    group = arch.num_queries_per_kv, arch.head_dim
    arrays = [info.read() for info in step.reads]
    if step.kind == SPLIT:
        arrays = qkv.split(arrays[0], *group)
    elif step.kind == FUSE:
        q, k, v = arrays
        arrays = [qkv.fuse(q, k, v, *group)]
    elif step.kind == ZEROS:
        arrays = [np.zeros(w.shape, NUMPY_TYPES[w.dtype]) for w in step.writes]
    for planned, array in zip(step.writes, arrays, strict=True):
        yield planned.name, array


def rewrite(
    checkpoint: Checkpoint,
    steps: list[Step],
    folder: Path,
    max_shard_bytes: int,
    on_bytes: Callable[[int], None] | None = None,
) -> None:
    """Write the planned tensors as shards with their index. `on_bytes` is told the size of each tensor written."""
    planned = [(w.name, w.dtype, w.shape) for step in steps for w in step.writes]
    writer = ShardWriter(folder, planned, max_shard_bytes)
    for step in steps:
        for name, array in produce(step, checkpoint.architecture):
            writer.write(name, array)
            if on_bytes:
                on_bytes(array.nbytes)
            del array  # else it lives on while the next step reads
    writer.finish()


def num_bytes(steps: list[Step]) -> int:
    """The size of all tensors that will be written."""
    return sum(w.num_bytes for step in steps for w in step.writes)
