"""Whether a measured score agrees with a published one, and the rule by which that is said. Numbers only; prints nothing.

The rule: the published number stands for itself give or take half its last printed digit and the 95 % sampling error of its N
items; the measured one for its own interval. The two errors add in squares (Newcombe's hybrid score interval, Statistics in
Medicine 17, 1998, method 10), the rounding adds plainly. A difference beyond that is HIGHER or LOWER. Within it the two agree,
unless the margin is so wide (over TOO_WIDE of the scale) that it would have hidden a difference worth naming: CANNOT_TELL.
"""

from math import sqrt

AGREES, HIGHER, LOWER, CANNOT_TELL = "agrees", "higher", "lower", "cannot tell"
TOO_WIDE = 0.05
_Z = 1.959964


def verdict(
    score: float,
    interval: tuple[float, float],
    published: float,
    num_items: int,
    *,
    scale: float = 100.0,
    decimals: int = 2,
) -> str:
    """AGREES, HIGHER, LOWER or CANNOT_TELL for the measured `score`.

    `score` and its 95 % `interval`: fractions, 0 to 1. `published`: as printed, out of `scale`, with `decimals` digits after the
    point, over `num_items` items.
    """
    difference = score - published / scale
    room = margin(score, interval, published, num_items, scale=scale, decimals=decimals)
    if abs(difference) > room:
        return HIGHER if difference > 0 else LOWER
    return CANNOT_TELL if room > TOO_WIDE else AGREES


def margin(
    score: float,
    interval: tuple[float, float],
    published: float,
    num_items: int,
    *,
    scale: float = 100.0,
    decimals: int = 2,
) -> float:
    """How far `score` may lie from `published` without a difference being said: a fraction of the scale."""
    theirs = published / scale
    low, high = _wilson(theirs, num_items)
    above = score > theirs
    mine = score - interval[0] if above else interval[1] - score
    other = high - theirs if above else theirs - low
    return sqrt(mine**2 + other**2) + 0.5 * 10**-decimals / scale


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `n`."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return middle - half, middle + half
