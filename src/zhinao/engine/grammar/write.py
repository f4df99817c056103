"""The one writer that puts trees into the notation of the grammar library.

The library (xgrammar, inside OpenVINO GenAI) prints what it has read and reads it again. On the way it writes U+0001–U+001F
and U+007F–U+00FF as `\\xHH` and reads on while hex digits follow, cuts a text at U+0000, cuts negated sets to ASCII, and mixes
up ranges over characters of different numbers of bytes. What is written here survives that.
"""

from zhinao.engine.grammar.tree import EMPTY, Alt, Chars, Ref, Repeat, Seq, Text
from zhinao.engine.grammar.utf8 import CARET, pieces
from zhinao.errors import UsageError
from zhinao.lang import tr

_HEX = frozenset("0123456789abcdefABCDEF")


def write(node) -> str:
    """A tree as the right side of a rule. Raises UsageError for what no answer can hold."""
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
            return f"({write(part)})" + _times(least, most)
        case Repeat(part, least, most):
            return _grouped(part) + _times(least, most)
    raise AssertionError(node)


def _grouped(node) -> str:
    text = write(node)
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
    if cut == [(CARET, CARET)]:
        return '"^"'
    # A caret in front would negate, and what is printed as `\\xHH` must have no digit behind it.
    cut.sort(key=lambda piece: (piece[0] == CARET, not 0x20 <= piece[0] <= 0x7E))
    return "[" + "".join(map(_range, cut)) + "]"


def _range(ends: tuple[int, int]) -> str:
    low, high = (f"\\{char}" if (char := chr(end)) in "\\]^-[" else _plain(char) for end in ends)
    return low if low == high else f"{low}-{high}"
