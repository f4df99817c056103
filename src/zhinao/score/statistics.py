"""How sure a score is: intervals, samples per item, votes, and two runs on the same items. Numbers in, numbers out.

Scores are one number an item, on a scale of 0 to 1 unless said otherwise. All is deterministic: whatever draws, draws by a fixed seed.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

_Z = 1.959963984540054  # of the normal distribution, two-sided 95 %
_SEED, _DRAWS = 360, 2000
_ALL_SIGNS = 14  # so many differing items are counted out (2**14 signs), more are drawn
_CELLS = 2**22  # of a table of draws in memory at once


def interval(scores: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean. Scores of 0 and 1: Wilson's (1927), right at 0 and 100 % too; others: percentile bootstrap over items.

    No scores: (0.0, 1.0), since nothing is known.
    """
    if not scores:
        return 0.0, 1.0
    within = all(0 <= score <= 1 for score in scores)
    # A bootstrap of equal values has no width, which would be a lie. For scores within 0 and 1 the spread of 0/1 is the widest there is.
    if _binary(scores) or (within and min(scores) == max(scores)):
        return wilson(sum(scores), len(scores))
    return _bootstrap(scores)


def wilson(num_right: float, num_items: int) -> tuple[float, float]:
    """E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)."""
    share, z2 = num_right / num_items, _Z * _Z
    middle = share + z2 / (2 * num_items)
    half = _Z * math.sqrt(share * (1 - share) / num_items + z2 / (4 * num_items**2))
    below = 1 + z2 / num_items
    return max(0.0, (middle - half) / below), min(1.0, (middle + half) / below)


def clustered_interval(samples: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Of the mean over items of the mean over each item's samples. Samples of one item are not independent: the item is what is drawn."""
    return interval([mean(each) for each in samples if each])


def mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


def subset_mean(subsets: Mapping[Hashable, Sequence[float]]) -> float:
    """The plain mean of the subsets' means, whatever their sizes (as OpenCompass summarises MMLU, C-Eval, CMMLU, BBH). Empty ones do not count."""
    return mean([mean(scores) for scores in subsets.values() if scores])


def subset_interval(subsets: Mapping[Hashable, Sequence[float]]) -> tuple[float, float]:
    """95 % interval of `subset_mean`: the subsets are given, the items in each are drawn, so variances add.

    A subset that is all right has no variance to see, so 0/1 scores get that of Agresti and Coull (1998: two right and two wrong more).
    """
    parts = [scores for scores in subsets.values() if scores]
    if len(parts) < 2:
        return interval(parts[0] if parts else ())
    middle, half = mean([mean(part) for part in parts]), _Z * math.sqrt(sum(map(_variance, parts))) / len(parts)
    if any(not 0 <= score <= 1 for part in parts for score in part):
        return middle - half, middle + half
    return max(0.0, middle - half), min(1.0, middle + half)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that one of k samples is right, of n drawn with c right: 1 - C(n-c, k) / C(n, k), without bias.

    Chen et al., Evaluating Large Language Models Trained on Code (2021). ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k wants 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def cons_at_k(
    answers: Sequence[str | None], gold: str, same: Callable[[str, str], bool] = lambda a, b: a == b
) -> float:
    """Whether the answer that most samples gave is right (self-consistency: Wang et al. 2022). Where c answers lead together: 1/c.

    None (no answer found) does not vote. `same(gold, answer)` tells which belong together; the first of each stands for it.
    """
    votes: list[list] = []
    for answer in answers:
        if answer is None:
            continue
        known = next((vote for vote in votes if vote[0] == answer), None)
        known = known or next((vote for vote in votes if same(vote[0], answer)), None)
        if known:
            known[1] += 1
        else:
            votes.append([answer, 1])
    most = max((count for _, count in votes), default=0)
    leaders = [answer for answer, count in votes if count == most]
    return any(same(gold, answer) for answer in leaders) / len(leaders) if leaders else 0.0


@dataclass(frozen=True)
class Paired:
    """Two runs on the same items. `p`: two-sided, that such a difference comes by chance; `gained`, `lost`: items where b is better, worse."""

    p: float
    gained: int
    lost: int
    difference: float


def paired(a: Sequence[float], b: Sequence[float]) -> Paired:
    """0/1 scores: McNemar's test (1947), exact by the binomial; others: permutation of signs (Fisher), counted out or 2000 draws.

    ValueError where the lengths differ or nothing is there.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"paired wants the same items in both, not {len(a)} and {len(b)}")
    flips = [after - before for before, after in zip(a, b, strict=True) if after != before]
    gained = sum(flip > 0 for flip in flips)
    p = _sign_test(gained, len(flips)) if _binary([*a, *b]) else _permuted(flips)
    return Paired(p, gained, len(flips) - gained, math.fsum(flips) / len(a))


def _binary(scores: Sequence[float]) -> bool:
    return all(score in (0, 1) for score in scores)


def _variance(scores: Sequence[float]) -> float:
    """Of the mean."""
    n = len(scores)
    if _binary(scores) or n < 2:
        share = (sum(scores) + 2) / (n + 4)
        return max(0.0, share * (1 - share)) / (n + 4)
    middle = mean(scores)
    return math.fsum((score - middle) ** 2 for score in scores) / (n - 1) / n


def _sign_test(gained: int, num_flips: int) -> float:
    tail = sum(math.comb(num_flips, i) for i in range(min(gained, num_flips - gained) + 1))
    return min(1.0, tail * 2 / 2**num_flips)


def _permuted(flips: list[float]) -> float:
    import numpy as np

    n = len(flips)
    if n == 0:
        return 1.0
    exact = n <= _ALL_SIGNS
    if exact:
        signs = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 2 - 1
        sums = np.abs(signs @ np.asarray(flips))
    else:
        random = np.random.default_rng(_SEED)
        sums = np.abs([(random.integers(0, 2, n) * 2 - 1) @ np.asarray(flips) for _ in range(_DRAWS)])
    extreme = int((sums >= abs(math.fsum(flips)) - 1e-12).sum())
    return extreme / len(sums) if exact else (extreme + 1) / (len(sums) + 1)


def _bootstrap(scores: Sequence[float]) -> tuple[float, float]:
    import numpy as np

    values, random = np.asarray(scores, dtype=float), np.random.default_rng(_SEED)
    rows = max(1, min(_DRAWS, _CELLS // len(values)))
    means: list[float] = []
    while len(means) < _DRAWS:
        means.extend(values[random.integers(0, len(values), (rows, len(values)))].mean(axis=1))
    low, high = np.percentile(means[:_DRAWS], [2.5, 97.5])
    return float(low), float(high)
