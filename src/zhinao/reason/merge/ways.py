"""One tensor out of several: linear, spherical (SLERP), TIES. float32 arrays of one shape in, one out. Knows no files."""

from collections.abc import Sequence

import numpy as np

HOWS = ("linear", "slerp", "ties")
_PARALLEL = 0.9995  # cosine from which the arc is a straight line


def linear(tensors: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean; weights need not add up to 1."""
    total = sum(weights)
    merged = np.zeros_like(tensors[0])
    for tensor, weight in zip(tensors, weights, strict=True):
        merged += tensor * np.float32(weight / total)
    return merged


def slerp(one: np.ndarray, other: np.ndarray, t: float) -> np.ndarray:
    """From `one` (t = 0) to `other` (t = 1) along the arc between their directions (Shoemake 1985), a whole tensor as one vector."""
    a, b = one.reshape(-1).astype(np.float64), other.reshape(-1).astype(np.float64)
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = float(a @ b / lengths) if lengths else 1.0
    if abs(cosine) > _PARALLEL:
        return linear([one, other], [1 - t, t])
    angle = np.arccos(cosine)
    merged = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return merged.reshape(one.shape).astype(np.float32)


def ties(base: np.ndarray, tensors: Sequence[np.ndarray], weights: Sequence[float], density: float) -> np.ndarray:
    """TIES (arXiv 2306.01708): of each difference from `base` the largest `density` is kept, a sign elected for each number by the sum,
    and the mean taken of those that have it."""
    changes = [
        _trimmed(tensor - base, density) * np.float32(weight) for tensor, weight in zip(tensors, weights, strict=True)
    ]
    sign = np.sign(sum(changes))
    total, share = np.zeros_like(base), np.zeros_like(base)
    for change, weight in zip(changes, weights, strict=True):
        agrees = (np.sign(change) == sign) & (change != 0)
        total += np.where(agrees, change, 0)
        share += np.where(agrees, np.float32(weight), 0)
    return base + np.divide(total, share, out=np.zeros_like(base), where=share != 0)


def _trimmed(change: np.ndarray, density: float) -> np.ndarray:
    num = round(density * change.size)
    if num >= change.size:
        return change
    if not num:
        return np.zeros_like(change)
    sizes = np.abs(change).reshape(-1)
    least = np.partition(sizes, sizes.size - num)[sizes.size - num]
    return np.where(np.abs(change) >= least, change, 0)
