"""Sets of characters as the bytes that they are to the library, and which of them it would mix up. Writes nothing.

Of `[\\u0351\\u0352\\u05d1\\u05d2\\u05db-\\u05e0]` it allows U+035B too: it joins the second bytes of U+0351 and U+05D1, which are the
same, then everything behind the first byte of U+05D1.
"""

import functools
from collections.abc import Hashable

from zhinao.engine.grammar.tree import MAX_CHAR, Chars

CARET = ord("^")
_WIDTHS = ((1, 0x7E), (0x7F, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, MAX_CHAR))


def pieces(ranges) -> list[tuple[int, int]]:
    """Ranges cut so that the library gets each of them right; without what no text can hold."""
    return [piece for one in ranges for low, high in _WIDTHS for piece in _pieces(max(one[0], low), min(one[1], high))]


def _pieces(low: int, high: int):
    """Parts of a range that differ in one byte of UTF-8, all bytes behind it being free: others the library gets wrong."""
    if low > high:
        return
    if low <= CARET <= high and low < high:
        yield from (*_pieces(low, CARET - 1), (CARET, CARET), *_pieces(CARET + 1, high))
        return
    for block in (64, 64**2, 64**3):
        if low < 0x80 or low // block == high // block:
            break
        if low % block:
            cut = low - low % block + block - 1
            yield from (*_pieces(low, cut), *_pieces(cut + 1, high))
            return
        if (high + 1) % block:
            cut = high - high % block - 1
            yield from (*_pieces(low, cut), *_pieces(cut + 1, high))
            return
    yield low, high


@functools.lru_cache(4096)
def paths(one: Chars) -> tuple[tuple, ...]:
    """The sequences of byte ranges, without those of a single byte."""
    found = []
    for low, high in pieces(one.ranges):
        if low >= 0x80:
            found.append(tuple(zip(chr(low).encode(), chr(high).encode(), strict=True)))
    return tuple(found)


def shared(ways: list[tuple[Chars, Hashable]]) -> dict:
    """Beginnings of paths → what may follow each of them, with the target that the path leads to."""
    found: dict = {}
    for one, target in ways:
        for path in paths(one):
            for n in range(1, len(path)):
                found.setdefault(path[:n], set()).add((path[n:], target))
    return found


def is_mixed_up(states: list[list[tuple[Chars, Hashable]]]) -> bool:
    """Whether beginnings, in one state or another, have some of their endings in common but not all. `states`: their ways."""
    known: dict = {}
    for ways in states:
        if sum(len(paths(one)) for one, _ in ways) == 0:
            continue
        for endings in map(frozenset, shared(ways).values()):
            for ending in endings:
                if known.setdefault(ending, endings) != endings:
                    return True
    return False


def forked(ways: list[tuple[Chars, Hashable]]) -> set[Chars]:
    """The sets that have a beginning in common with another path of theirs."""
    forks = {start for start, endings in shared(ways).items() if len(endings) > 1}
    return {one for one, _ in ways if any(path[:n] in forks for path in paths(one) for n in range(1, len(path)))}


def layers(one: Chars) -> list[Chars]:
    """A set in parts none of which forks."""
    found: list[tuple[set, list]] = []
    for low, high in pieces(one.ranges):
        path = paths(Chars(((low, high),)))[0] if low >= 0x80 else ()
        starts = {path[:n] for n in range(1, len(path))}
        part = next((part for part in found if not part[0] & starts), None)
        if part is None:
            part = (set(), [])
            found.append(part)
        part[0].update(starts)
        part[1].append((low, high))
    return [Chars(tuple(sorted(ranges))) for _, ranges in found]
