"""Several sources mixed by weight: how often each sample of each source is taken. Reads no data and knows no samples.

A weight is a multiple: 1 takes every sample once, 2 twice, 0.3 takes 30 % of them, 2.5 takes all twice and half of them once
more. What one source gives depends on its own weight and the seed alone.
"""

import math
import os
from collections.abc import Sequence

import numpy as np

from zhinao.errors import UsageError
from zhinao.lang import counted, tr


def entries(paths: Sequence[str]) -> tuple[list[str], list[float]]:
    """Sources and weights of `a.jsonl b.jsonl:0.3` (no weight: 1). A path that is there as it stands has none.

    Raises UsageError for a weight that is not above 0.
    """
    pairs = [_entry(path) for path in paths]
    return [source for source, _ in pairs], [weight for _, weight in pairs]


def _entry(path: str) -> tuple[str, float]:
    source, colon, number = path.rpartition(":")
    try:
        weight = float(number) if source and colon and not os.path.exists(path) else None
    except ValueError:
        weight = None
    if weight is None:
        return path, 1.0
    _check(weight, path)
    return source, weight


def select(num_by_source: Sequence[int], weights: Sequence[float], seed: int) -> np.ndarray:
    """Which samples are taken, and how often: `(N,)` int64 indices into all sources one after the other, sorted.

    `num_by_source`: how many samples each source has. A part of a source is drawn by `seed`, without repetition; a larger
    weight keeps what a smaller one had taken. A source with samples gives at least one. The same on every machine.
    Raises UsageError for weights that are not above 0, and for another number of them than of sources.
    """
    if len(num_by_source) != len(weights):
        raise UsageError(
            tr(
                f"{counted(len(weights), 'weight was', 'weights were')} given for {counted(len(num_by_source), 'source')}.",
                f"给出了 {len(weights)} 个权重，而数据来源有 {len(num_by_source)} 个。",
            )
        )
    for weight in weights:
        _check(weight, str(weight))
    starts = np.concatenate([[0], np.cumsum(num_by_source, dtype=np.int64)[:-1]]) if len(num_by_source) else []
    taken = [
        start + _of_one(num, weight, seed, number)
        for number, (start, num, weight) in enumerate(zip(starts, num_by_source, weights, strict=True))
    ]
    return np.concatenate(taken) if taken else np.zeros(0, np.int64)


def _of_one(num: int, weight: float, seed: int, number: int) -> np.ndarray:
    num_wanted = max(1, round(num * weight)) if num else 0
    num_times, num_more = divmod(num_wanted, num) if num else (0, 0)
    # RandomState: numpy promises that its numbers stay the same in later versions.
    drawn = np.random.RandomState([seed % 2**32, number]).permutation(num)[:num_more]
    counts = np.full(num, num_times, np.int64)
    counts[drawn] += 1
    return np.repeat(np.arange(num, dtype=np.int64), counts)


def _check(weight: float, shown: str) -> None:
    if not (math.isfinite(weight) and weight > 0):
        raise UsageError(
            tr(f"{shown}: a weight must be a number above 0.", f"{shown}：权重必须是大于 0 的数。"), "data.jsonl:0.5"
        )
