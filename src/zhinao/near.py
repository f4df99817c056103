"""Words that may have been meant by a mistyped one: a slip or two away, or the beginning or a part of a longer one. No guesses beyond."""

from collections.abc import Iterable

_MIN_PREFIX, _MIN_PART = 3, 4  # letters; fewer are the beginning of anything


def near(word: str, known: Iterable[str], num_most: int = 1) -> list[str]:
    """The nearest of `known`, at most `num_most`, nearest first; of equally near ones the earlier. Empty where none is near.

    Case, dashes before a flag, and `-` for `_` make no difference.
    """
    wanted = _plain(word)
    ranked = [(_distance(wanted, _plain(name)), number, name) for number, name in enumerate(known)]
    return [name for rank, _, name in sorted(one for one in ranked if one[0] is not None)][:num_most]


def _plain(word: str) -> str:
    return word.lower().lstrip("-").replace("_", "-").replace(".", "-")


def _distance(wanted: str, name: str) -> float | None:
    """How far they are apart; None: too far to be named."""
    if len(wanted) > len(name) + 2:  # a stranger's word may be of any length
        return None
    slips = _slips(wanted, name)
    found: list[float] = [slips[-1]] if slips[-1] <= _allowed(wanted) else []
    if len(wanted) >= _MIN_PREFIX and name.startswith(wanted):
        found.append(0.5)
    if len(wanted) >= _MIN_PART and f"-{wanted}-" in f"-{name}-":
        found.append(1.5)
    if len(wanted) > _MIN_PART and min(slips) <= 1:  # a slip within the beginning of a longer one
        found.append(1.5 + min(slips))
    return min(found, default=None)


def _allowed(wanted: str) -> int:
    return min(len(wanted) // 3, 2)


def _slips(wanted: str, name: str) -> list[int]:
    """Letters to put in, leave out, change or swap, from `wanted` to each beginning of `name`; the last one is to all of it."""
    before, row = [], list(range(len(name) + 1))
    for n, letter in enumerate(wanted, 1):
        before, last, row = row, before, [n]
        for m, other in enumerate(name, 1):
            row.append(min(before[m] + 1, row[-1] + 1, before[m - 1] + (letter != other)))
            if min(n, m) > 1 and letter == name[m - 2] and wanted[n - 2] == other:
                row[m] = min(row[m], last[m - 2] + 1)
    return row
