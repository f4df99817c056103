"""Grammars as trees, and the one writer that puts them into the notation of the grammar library. Knows neither JSON nor regex.

The library (xgrammar, inside OpenVINO GenAI) prints what it has read and reads it again. On the way it writes U+0001–U+001F
and U+007F–U+00FF as `\\xHH` and reads on while hex digits follow, cuts a text at U+0000, cuts negated sets to ASCII, and mixes
up ranges over characters of different numbers of bytes. What is written here survives that.
"""

from dataclasses import dataclass, field

from zhinao.errors import UsageError
from zhinao.lang import tr

MAX_CHAR = 0x10FFFF
_WIDTHS = ((1, 0x7E), (0x7F, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, MAX_CHAR))
_HEX = frozenset("0123456789abcdefABCDEF")
_CARET = ord("^")
_BLOCK = 8  # repetitions that are unrolled; more of them take longer to compile, fewer make each token slower
_MAX_UNROLLED = 32
MAX_REPEAT = 100_000


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


@dataclass
class Rules:
    """Named rules under construction; `root` is the first when written."""

    named: dict = field(default_factory=dict)

    def add(self, name: str, node) -> Ref:
        self.named.setdefault(name, node)
        return Ref(name)

    def reference(self, name: str) -> Ref:
        """To a rule that may yet have to come."""
        return Ref(name)

    def fresh(self, node) -> Ref:
        return self.add(f"r{len(self.named)}", node)

    def repeat(self, part, least: int, most: int | None):
        """So often, by rules whose number grows with the logarithm. Raises UsageError beyond MAX_REPEAT."""
        if most is not None and most < least:
            return NEVER
        if (most or least) > MAX_REPEAT:
            raise UsageError(
                tr(
                    f"a repetition of {most or least} is beyond {MAX_REPEAT}.",
                    f"重复次数 {most or least} 超过 {MAX_REPEAT}。",
                )
            )
        if part == NEVER:
            return EMPTY if least == 0 else NEVER
        if (most or least) <= _MAX_UNROLLED:
            return Repeat(part, least, most)
        unit = part if isinstance(part, Chars) else self.fresh(part)
        fixed = self._exactly(unit, least)
        return seq(fixed, Repeat(unit, 0, None) if most is None else self._up_to(unit, most - least))

    def _exactly(self, unit, count: int):
        blocks, rest = divmod(count, _BLOCK)
        parts = [self._block(unit, bit) for bit in range(blocks.bit_length()) if blocks >> bit & 1]
        return seq(*parts, Repeat(unit, rest, rest) if rest else EMPTY)

    def _block(self, unit, power: int) -> Ref:
        """Exactly `_BLOCK << power` times."""
        node = Repeat(unit, _BLOCK, _BLOCK) if power == 0 else seq(*[self._block(unit, power - 1)] * 2)
        return self.add(self._name("e", unit, power), node)

    def _below(self, unit, power: int) -> Ref:
        """Fewer than `_BLOCK << power` times: in one way only, so that few of them are followed at a time."""
        if power < 2:
            return self.add(self._name("u", unit, power), Repeat(unit, 0, (_BLOCK << power) - 1))
        less = self._below(unit, power - 1)
        return self.add(self._name("u", unit, power), alt(less, seq(self._block(unit, power - 1), less)))

    def _up_to(self, unit, count: int):
        if count < 2 * _BLOCK:
            return Repeat(unit, 0, count) if count else EMPTY
        power = (count // _BLOCK).bit_length() - 1
        more = self._up_to(unit, count - (_BLOCK << power))
        return alt(self._below(unit, power), seq(self._block(unit, power), more))

    def _name(self, kind: str, unit, power: int) -> str:
        names = self.__dict__.setdefault("_units", {})
        return f"{kind}{names.setdefault(unit, len(names))}x{power}"

    def written(self, root) -> str:
        """The grammar's text. Raises UsageError where it allows no text that ends."""
        from zhinao.engine.grammar.settle import settled

        named = {"root": root, **self.named}
        good = _productive(named)
        if "root" not in good:
            raise UsageError(tr("it allows no text at all, or none that ends.", "它不允许任何文本，或永远无法结束。"))
        used = _used({name: _pruned(node, good) for name, node in named.items() if name in good})
        used = _used(settled(used))
        return "\n".join(f"{name} ::= {_write(node)}" for name, node in used.items())


def _productive(named: dict) -> set[str]:
    """The rules that allow some text."""
    good: set[str] = set()
    waiting = list(named)
    while waiting:
        num_before = len(good)
        for name in waiting:  # mostly in the order in which they need each other
            if _ends(named[name], good):
                good.add(name)
        waiting = [name for name in waiting if name not in good]
        if len(good) == num_before:
            break
    return good


def _ends(node, good: set[str]) -> bool:
    match node:
        case Ref(name):
            return name in good
        case Seq(parts):
            return all(_ends(part, good) for part in parts)
        case Alt(parts):
            return any(_ends(part, good) for part in parts)
        case Repeat(part, least, _):
            return least == 0 or _ends(part, good)
        case Chars(ranges):
            return bool(ranges)
    return True


def _pruned(node, good: set[str]):
    """Without what never ends."""
    match node:
        case Seq(parts):
            return seq(*(_pruned(part, good) for part in parts))
        case Alt(parts):
            return alt(*(_pruned(part, good) for part in parts if _ends(part, good)))
        case Repeat(part, least, most):
            return Repeat(_pruned(part, good), least, most) if _ends(part, good) else EMPTY
    return node


def _used(named: dict) -> dict:
    """The rules that the root needs, it first."""
    used, waiting = {}, ["root"]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = named[name]
            waiting += sorted(_references(named[name]))
    return used


def _references(node) -> set[str]:
    match node:
        case Ref(name):
            return {name}
        case Seq(parts) | Alt(parts):
            return set().union(*map(_references, parts))
        case Repeat(part, _, _):
            return _references(part)
    return set()


def _write(node) -> str:
    match node:
        case Text(text):
            return write_text(text)
        case Chars(ranges):
            return write_chars(ranges)
        case Ref(name):
            return name
        case Seq(()):
            return '""'
        case Seq(parts):
            return " ".join(_grouped(part) for part in parts)
        case Alt(parts):
            return " | ".join(_grouped(part) for part in parts)
        case Repeat(Repeat() as part, least, most):
            return f"({_write(part)})" + _times(least, most)
        case Repeat(part, least, most):
            return _grouped(part) + _times(least, most)
    raise AssertionError(node)


def _grouped(node) -> str:
    text = _write(node)
    return f"({text})" if isinstance(node, (Seq, Alt)) and node != EMPTY else text


def _times(least: int, most: int | None) -> str:
    short = {(0, 1): "?", (0, None): "*", (1, None): "+"}
    return short.get((least, most)) or f"{{{least},{'' if most is None else most}}}"


def write_text(text: str) -> str:
    """A text as one factor of a rule. Raises UsageError for U+0000 and half surrogates, which the library cannot hold."""
    if bad := next((char for char in text if char == "\0" or 0xD800 <= ord(char) <= 0xDFFF), None):
        raise _no_such(ord(bad))
    pieces = [""]
    for char in text:
        if pieces[-1] and char in _HEX and not " " <= pieces[-1][-1] <= "~":
            pieces.append("")
        pieces[-1] += char
    written = " ".join('"' + "".join(map(_literal_char, piece)) + '"' for piece in pieces)
    return f"({written})" if len(pieces) > 1 else written


def _no_such(code: int) -> UsageError:
    return UsageError(
        tr(f"it demands U+{code:04X}, which no answer can hold.", f"它要求 U+{code:04X}，回答中无法出现。")
    )


def _literal_char(char: str) -> str:
    return f"\\{char}" if char in '"\\' else _plain(char)


def _plain(char: str) -> str:
    return char if " " <= char <= "~" else f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def write_chars(ranges) -> str:
    """A set as one factor. Raises UsageError where nothing is left that can be written."""
    cut = pieces(ranges)
    if not cut:
        raise _no_such(ranges[0][0] if ranges else 0)
    if cut == [(_CARET, _CARET)]:
        return '"^"'
    # A caret in front would negate, and what is printed as `\\xHH` must have no digit behind it.
    cut.sort(key=lambda piece: (piece[0] == _CARET, not 0x20 <= piece[0] <= 0x7E))
    return "[" + "".join(map(_range, cut)) + "]"


def pieces(ranges) -> list[tuple[int, int]]:
    """Ranges cut so that the library gets each of them right; without what no text can hold."""
    return [piece for one in ranges for low, high in _WIDTHS for piece in _pieces(max(one[0], low), min(one[1], high))]


def _pieces(low: int, high: int):
    """Parts of a range that differ in one byte of UTF-8, all bytes behind it being free: others the library gets wrong."""
    if low > high:
        return
    if low <= _CARET <= high and low < high:
        yield from (*_pieces(low, _CARET - 1), (_CARET, _CARET), *_pieces(_CARET + 1, high))
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


def _range(ends: tuple[int, int]) -> str:
    low, high = (f"\\{char}" if (char := chr(end)) in "\\]^-[" else _plain(char) for end in ends)
    return low if low == high else f"{low}-{high}"
