"""Regular expressions (the ECMA-262 that JSON Schema means) as trees. What stands for a whole text; anchors at its ends change nothing.

Lookarounds, backreferences, flags, word boundaries and `\\p{…}` are refused: a grammar cannot follow them.
"""

import functools
import re

from zhinao.engine.grammar.rules import Rules
from zhinao.engine.grammar.tree import (
    ANY_CHAR,
    DIGIT,
    EMPTY,
    MAX_CHAR,
    Alt,
    Chars,
    Repeat,
    Seq,
    Text,
    alt,
    chars,
    of,
    seq,
    without,
)
from zhinao.errors import UsageError
from zhinao.lang import tr

_WORD = chars((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = of(" \t\n\r\f\v")
_ALL_SPACE = chars(*_SPACE.ranges, (0x1C, 0x1F), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
                   (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip
_NOT_DOT = of("\n\r\u2028\u2029")
_CONTROL = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11}
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")


def tree(text: str, rules: Rules):
    """Raises UsageError saying what cannot be followed."""
    reader = _Reader(text, rules)
    node = reader.alternatives()
    if reader.rest():
        raise reader.wrong(tr("a parenthesis is closed that was not opened", "多余的右括号"))
    return node


def widths(node) -> tuple[int, int | None]:
    """The least and the greatest number of characters (None: no limit) of a tree without references."""
    match node:
        case Text(text):
            return len(text), len(text)
        case Chars():
            return 1, 1
        case Seq(parts):
            both = [widths(part) for part in parts]
            return sum(w[0] for w in both), None if any(w[1] is None for w in both) else sum(w[1] for w in both)
        case Alt(parts):
            both = [widths(part) for part in parts] or [(0, 0)]
            return min(w[0] for w in both), None if any(w[1] is None for w in both) else max(w[1] for w in both)
        case Repeat(part, least, most):
            low, high = widths(part)
            return low * least, None if most is None or high is None else high * most
    return 0, None


@functools.cache
def _wide(kind: str) -> Chars:
    """What Unicode, not ECMA, counts to `\\d`, `\\w`: a complement leaves it out, so that it is one by either reading."""
    if kind == "s":
        return _ALL_SPACE
    pattern = re.compile(rf"\{kind}")
    return chars(*((code, code) for code in range(MAX_CHAR + 1) if pattern.match(chr(code))))


_NARROW = {"d": DIGIT, "w": _WORD, "s": _SPACE}


class _Reader:
    def __init__(self, text: str, rules: Rules):
        self.text, self.at, self.rules, self.depth = text, 0, rules, 0

    def rest(self) -> str:
        return self.text[self.at :]

    def peek(self, num: int = 1) -> str:
        return self.text[self.at : self.at + num]

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def wrong(self, what: str) -> UsageError:
        return UsageError(tr(f"regex at character {self.at}: {what}.", f"正则第 {self.at} 个字符处：{what}。"))

    def alternatives(self):
        found = [self.sequence()]
        while self.peek() == "|":
            self.take()
            found.append(self.sequence())
        return alt(*found)

    def sequence(self):
        parts = []
        if self.depth == 0 and self.peek() == "^":
            self.take()
        while self.rest() and self.peek() not in "|)":
            if self.peek() == "$" and self.depth == 0 and self.text[self.at + 1 : self.at + 2] in ("", "|"):
                self.take()
                break
            parts.append(self.repeated(self.atom()))
        return seq(*parts)

    def repeated(self, node):
        """The repetition after it; whether greedy or lazy makes no difference to what fits."""
        counted = _COUNT.match(self.text, self.at)
        if counted:
            least = int(counted[1])
            most = least if counted[2] is None else int(counted[3]) if counted[3] else None
            self.at = counted.end()
        elif self.peek() and self.peek() in "*+?":
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.take()]
        else:
            return node
        if self.peek() == "?":
            self.take()
        if (self.peek() and self.peek() in "*+?") or _COUNT.match(self.text, self.at):
            raise self.wrong(tr("nothing to repeat", "没有可重复的内容"))
        if most is not None and most < least:
            raise self.wrong(tr("the lower bound is larger than the upper", "下限大于上限"))
        return Repeat(node, least, most)

    def atom(self):
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.set()
        if char == ".":
            return without(ANY_CHAR, _NOT_DOT)
        if char == "\\":
            return self.escape()
        if char in "*+?":
            raise self.wrong(tr("nothing to repeat", "没有可重复的内容"))
        if char in "^$":
            raise self.wrong(tr(f"{char} in the middle cannot be followed", f"不支持中间的 {char}"))
        return Text(char)

    def group(self):
        if self.peek(2) == "?:":
            self.at += 2
        elif named := re.compile(r"\?P?<[A-Za-z_]\w*>").match(self.text, self.at):
            self.at = named.end()
        elif self.peek() == "?":
            raise self.wrong(
                tr("Lookahead is not supported, nor are flags", "不支持断言和标志")
                if self.peek(2) in ("?=", "?!", "?i", "?m", "?s", "?x", "?a", "?u")
                else tr("Lookbehind and other groups of this kind are not supported", "不支持此类分组")
            )
        self.depth += 1
        if self.depth > 60:
            raise self.wrong(tr("it is nested too deeply", "嵌套过深"))
        node = self.alternatives()
        self.depth -= 1
        if self.take() != ")":
            raise self.wrong(tr("a parenthesis is not closed", "括号未闭合"))
        return node

    def escape(self):
        if self.peek() and self.peek() in "123456789k":
            raise self.wrong(tr("Backreference is not supported", "不支持反向引用"))
        if self.peek() and self.peek() in "bB":
            raise self.wrong(tr("word boundaries are not supported", "不支持单词边界"))
        found = self.escaped()
        return Text(chr(found)) if isinstance(found, int) else found[0]

    def escaped(self) -> int | tuple[Chars, Chars]:
        """A code point, or a class: as it stands, and as a complement leaves it out."""
        char = self.take()
        if char in "dws" and char:
            return _NARROW[char], _wide(char)
        if char in "DWS" and char:
            kind = char.lower()
            return without(ANY_CHAR, _wide(kind)), without(ANY_CHAR, _NARROW[kind])
        if char in _CONTROL:
            return _CONTROL[char]
        if char in "xu" and char:
            return self.coded(2 if char == "x" else 4)
        if char == "c" and self.peek().isalpha() and self.peek().isascii():
            return ord(self.take()) % 32
        if char == "0" and not self.peek().isdigit():
            return 0
        if not char or char.isalnum():
            raise self.wrong(tr(f"\\{char} is not known", f"未知的转义 \\{char}"))
        return ord(char)

    def coded(self, num: int) -> int:
        if num == 4 and (braced := re.compile(r"\{([0-9A-Fa-f]{1,6})\}").match(self.text, self.at)):
            self.at, code = braced.end(), int(braced[1], 16)
        elif re.fullmatch(f"[0-9A-Fa-f]{{{num}}}", digits := self.peek(num)):
            self.at, code = self.at + num, int(digits, 16)
        else:
            raise self.wrong(tr("hex digits are missing", "缺少十六进制数字"))
        if 0xD800 <= code < 0xDC00 and (
            low := re.compile(r"\\u([dD][c-fC-F][0-9A-Fa-f]{2})").match(self.text, self.at)
        ):
            self.at, code = low.end(), 0x10000 + (code - 0xD800 << 10) + int(low[1], 16) - 0xDC00
        if code > MAX_CHAR:
            raise self.wrong(tr("no such character", "没有该字符"))
        return code

    def set(self) -> Chars:
        is_negated = self.peek() == "^"
        self.at += is_negated
        ranges, wide = [], []
        while self.peek() != "]":
            if not self.peek():
                raise self.wrong(tr("a bracket is not closed", "方括号未闭合"))
            low = self.member()
            if isinstance(low, tuple):
                ranges += low[0].ranges
                wide += low[1].ranges
                continue
            high = low
            if self.peek() == "-" and self.peek(2) not in ("-]", "-"):
                self.take()
                high = self.member()
            if isinstance(high, tuple) or high < low:
                raise self.wrong(tr("in a range the lower bound is larger", "区间下限大于上限"))
            ranges.append((low, high))
            wide.append((low, high))
        self.take()
        return without(ANY_CHAR, chars(*wide)) if is_negated else chars(*ranges)

    def member(self) -> int | tuple[Chars, Chars]:
        char = self.take()
        if char != "\\":
            return ord(char) if char else 0
        if self.peek() == "b":
            self.take()
            return 8
        return self.escaped()


def counted(node, rules: Rules):
    """The same with long repetitions as rules; for trees that are done with."""
    match node:
        case Seq(parts):
            return seq(*(counted(part, rules) for part in parts))
        case Alt(parts):
            return alt(*(counted(part, rules) for part in parts))
        case Repeat(part, least, most):
            return rules.repeat(counted(part, rules), least, most) if most != 0 else EMPTY
    return node
