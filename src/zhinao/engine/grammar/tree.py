"""Grammars as trees: texts, sets of characters, sequences, ways, repetitions, references. Knows neither JSON nor regex, and writes nothing."""

from dataclasses import dataclass

MAX_CHAR = 0x10FFFF


@dataclass(frozen=True)
class Text:
    """Exactly this text."""

    text: str


@dataclass(frozen=True)
class Chars:
    """One character out of sorted, disjoint ranges of code points, both ends included."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Seq:
    parts: tuple


@dataclass(frozen=True)
class Alt:
    parts: tuple


@dataclass(frozen=True)
class Repeat:
    """`most` None: without limit."""

    part: object
    least: int
    most: int | None


@dataclass(frozen=True)
class Ref:
    name: str


EMPTY = Seq(())
NEVER = Alt(())  # no text at all


def seq(*parts):
    parts = [part for part in parts if part != EMPTY]
    if NEVER in parts:
        return NEVER
    return parts[0] if len(parts) == 1 else Seq(tuple(parts))


def alt(*parts):
    parts = tuple(dict.fromkeys(part for part in parts if part != NEVER))
    return parts[0] if len(parts) == 1 else Alt(parts)


def maybe(part):
    return Repeat(part, 0, 1)


def chars(*ranges: tuple[int, int]) -> Chars:
    """The union of ranges, which may overlap and come in any order."""
    joined: list[list[int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    return Chars(tuple((low, high) for low, high in joined))


def of(text: str) -> Chars:
    """Any one of these characters."""
    return chars(*((ord(char), ord(char)) for char in text))


def without(one: Chars, other: Chars) -> Chars:
    """The characters of `one` that are not in `other`."""
    left, rest = [], list(one.ranges)
    for low, high in other.ranges:
        cut = []
        for a, b in rest:
            cut += [(a, min(b, low - 1))] if a < low else []
            cut += [(max(a, high + 1), b)] if b > high else []
        rest = cut
    left += rest
    return chars(*left)


ANY_CHAR = chars((1, MAX_CHAR))
DIGIT = of("0123456789")
