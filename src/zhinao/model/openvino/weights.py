"""Constants of the OpenVINO graph out of a checkpoint, in the weight format asked for.

Compressed matrices look into memory that numpy owns (a mapped file's, for bf16): keep the `Weights` until the model
is saved.
"""

import re
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import Type
from openvino import opset15 as op

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint, to_float32
from zhinao.model.openvino import quantize as quantize

_NARROW = "narrow_"  # names of the layers that widen bf16


class Weights:
    def __init__(self, checkpoint: Checkpoint, weight_format: str):
        self.checkpoint, self.weight_format = checkpoint, weight_format
        self._matrices: dict[tuple[str, ...], tuple] = {}  # the tied head is the embedding's constant once more
        self._arrays: list[np.ndarray] = []

    def vector(self, *names: str) -> np.ndarray:
        """A norm's weight or a bias, float32; several are joined."""
        return np.concatenate([to_float32(self.checkpoint.read(name), self.checkpoint.dtype(name)) for name in names])

    def matrix(self, *names: str) -> tuple:
        """Constants (values, scales) of a matrix; of several the rows are joined. bf16 and f32 have values alone."""
        if names not in self._matrices:
            self._matrices[names] = self._pack(names)
        return self._matrices[names]

    def _pack(self, names: tuple[str, ...]) -> tuple:
        array, dtype = self._stored(names)
        if self.weight_format == "f32":
            return (self._constant(np.ascontiguousarray(to_float32(array, dtype)), Type.f32),)
        if self.weight_format == "bf16":
            return (self._constant(quantize.bf16(array, dtype), Type.bf16),)
        try:
            values, scales = quantize.int8(array, dtype)
        except ValueError:
            file = self.checkpoint.folder
            raise CheckpointError(
                tr(f"{file}: {names[0]} holds NaN or infinite values.", f"{file}：{names[0]} 含有 NaN 或无穷大。")
            ) from None
        return self._constant(values, Type.i8), op.constant(scales)

    def _stored(self, names: tuple[str, ...]) -> tuple[np.ndarray, str]:
        dtypes = [self.checkpoint.dtype(name) for name in names]
        if len(names) == 1:
            info = self.checkpoint.stored.get(names[0])
            return (info.map() if info else self.checkpoint.read(names[0])), dtypes[0]
        parts = [self.checkpoint.read(name) for name in names]
        if len(set(dtypes)) > 1:
            return np.concatenate([to_float32(p, d) for p, d in zip(parts, dtypes, strict=True)]), "F32"
        return np.concatenate(parts), dtypes[0]

    def _constant(self, array: np.ndarray, kind: Type):
        """A constant over the array's own memory: nothing is copied."""
        self._arrays.append(array)
        return op.constant(ov.Tensor(array, list(array.shape), kind), shared_memory=True)


def widen(matrix: tuple):
    """float32 rows of (values, scales), in the shape that the CPU plugin keeps compressed. bf16 it keeps where the conversion
    is marked as well (`keep_narrow`)."""
    if matrix[0].get_element_type() == Type.f32:
        return matrix[0]
    values = op.convert(matrix[0], Type.f32)
    if len(matrix) == 1:
        values.set_friendly_name(f"{_NARROW}{values.get_name()}")
    return values if len(matrix) == 1 else op.multiply(values, matrix[1])


def keep_narrow(xml: Path) -> None:
    """Mark in a written graph what `widen` made of bf16. Unmarked, OpenVINO widens or copies all such weights when it loads:
    two or four bytes a weight more, and no faster. There is no function for this mark in Python."""
    layer = re.compile(rf'(<layer [^>]*name="{_NARROW}[^>]*>\s*<data [^>]*/>)')
    mark = '<rt_info><attribute name="decompression" version="0" /></rt_info>'
    text, num = layer.subn(rf"\1{mark}", xml.read_text(encoding="utf-8"))
    assert num, "OpenVINO writes layers differently"
    xml.write_text(text, encoding="utf-8")
