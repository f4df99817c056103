"""Weight formats of the OpenVINO graph: numpy in, numpy out.

int8 is one signed byte a weight with a scale for each output row, which the CPU plugin's matrix products read as it
is. Without zero points the graph is a fifth smaller and so loads faster. Activations are not this file's business.
"""

import numpy as np

from zhinao.model.checkpoint import to_bf16, to_float32

_NUM_AT_ONCE = 2**24  # elements widened to float32 at a time, so that a large matrix is never there twice


def bf16(array: np.ndarray, dtype: str) -> np.ndarray:
    """bf16 bit patterns (uint16) of a stored tensor; what is bf16 on disk stays what it is, a mapped file included."""
    return array if dtype == "BF16" else to_bf16(to_float32(array, dtype))


def int8(array: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """A stored matrix `(num_rows, width)` as weight ≈ value * scale: int8 values, float32 scales `(num_rows, 1)`.

    Raises ValueError where the matrix holds infinities or NaN.
    """
    num_rows, width = array.shape
    values, scales = np.empty((num_rows, width), np.int8), np.empty((num_rows, 1), np.float32)
    step = max(1, _NUM_AT_ONCE // width)
    for start in range(0, num_rows, step):
        part = slice(start, start + step)
        values[part], scales[part] = _int8(to_float32(array[part], dtype))
    return values, scales


def _int8(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.abs(weight).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError("not finite")
    scale = np.where(largest == 0, 1, largest / np.float32(127))
    return np.rint(weight / scale).astype(np.int8), scale
