"""The way back, byte for byte: is every tensor of the source contained in the converted checkpoint? Needs no torch.

Converts back in memory, one tensor at a time, and compares SHA-256. Nothing is written.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zhinao.errors import ProofError
from zhinao.export import layout
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint


def check(source: Path, converted: Path, on_bytes: Callable[[int], None] | None = None) -> dict:
    """Compare both folders. Returns counts and one hash over all tensors; raises ProofError naming the tensor.

    The hash is SHA-256 over the lines `name sha256` of the source's tensors, sorted by name: it does not depend on shards.
    """
    first, second = Checkpoint(source), Checkpoint(converted)
    hashes, num_zero_biases, num_bytes = {}, 0, 0
    for step in layout.plan(second, first.is_fused):
        for name, array in layout.produce(step, second.architecture):
            if name in first.stored:
                hashes[name] = _compare(name, first, step, array)
                num_bytes += array.nbytes
            else:
                _check_zero(name, step, array)
                num_zero_biases += 1
            if on_bytes:
                on_bytes(array.nbytes)
            del array
    if lost := sorted(first.stored.keys() - hashes.keys()):
        raise _different(lost[0], str(source), tr("there", "存在"), str(converted), tr("missing", "缺失"))
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return {
        "num_tensors": len(hashes),
        "num_bytes": num_bytes,
        "num_added_zero_biases": num_zero_biases,
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def _compare(name: str, source: Checkpoint, step: layout.Step, array: np.ndarray) -> str:
    info = source.stored[name]
    planned = next(w for w in step.writes if w.name == name)
    if (planned.dtype, planned.shape) != (info.dtype, info.shape):
        raise _different(
            name, info.file, f"{info.dtype} {info.shape}", step.reads[0].file, f"{planned.dtype} {planned.shape}"
        )
    wanted, found = _sha256(info.read()), _sha256(array)
    if wanted != found:
        raise _different(name, info.file, wanted, step.reads[0].file, found)
    return wanted


def _check_zero(name: str, step: layout.Step, array: np.ndarray) -> None:
    """A tensor that the source does not have may only be a bias of zeros."""
    if not name.endswith(".bias") or array.view(np.uint8).any():
        raise _different(name, "-", tr("absent", "不存在"), step.reads[0].file, tr("not a bias of zeros", "不是零偏置"))


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


def _different(name: str, file, value: str, other_file, other_value: str) -> ProofError:
    return ProofError(
        tr(
            f"Way back: {name} differs: {value} in {file}, {other_value} in {other_file}.",
            f"反向转换：{name} 不一致：{file} 中为 {value}，{other_file} 中为 {other_value}。",
        )
    )
