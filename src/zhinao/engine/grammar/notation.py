"""A user's grammar in GBNF's notation as rules, so that the one writer puts it into the form that the library keeps.

Rules, alternatives, sequences, groups, literals, sets, `* + ? {m,n}` and comments are known; the first rule is `root`.
"""

import re

from zhinao.engine.grammar.rules import Rules
from zhinao.engine.grammar.tree import ANY_CHAR, DIGIT, MAX_CHAR, Ref, Text, alt, chars, of, seq, without
from zhinao.errors import UsageError
from zhinao.lang import tr

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n\r]*)|(?P<rule>[A-Za-z_.-][\w.-]*)[ \t\r\n]*::=|(?P<name>[A-Za-z_.-][\w.-]*)
    |"(?P<text>(?:\\.|[^"\\\n\r])*)"|\[(?P<set>(?:\\.|[^\]\\\n\r])*)\]
    |\{[ ]*(?P<least>\d+)[ ]*(?P<comma>,[ ]*(?P<most>\d*)[ ]*)?\}|(?P<sign>[()|*+?])""",
    re.VERBOSE | re.ASCII,
)
_CODED = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})")
_CONTROL = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7, "b": 8, "e": 27, "0": 0}
_WORD = chars((48, 57), (65, 90), (95, 95), (97, 122))
_CLASSES = {"d": DIGIT, "w": _WORD, "s": of(" \t\n\r\f\v")}
_CLASSES |= {kind.upper(): without(ANY_CHAR, found) for kind, found in _CLASSES.items()}
_TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def rules_of(text: str) -> str:
    """Raises UsageError for what is no grammar, and for characters that no answer can hold."""
    return _Reader(text).written()


class _Reader:
    def __init__(self, text: str):
        self.tokens, self.at, self.rules = _tokens(text), 0, Rules()

    def written(self) -> str:
        bodies = {}
        while self.at < len(self.tokens):
            kind, name = self.take()
            if kind != "rule":
                raise _wrong(tr(f"a rule should begin at {name!r}", f"{name!r} 处应为规则开头"))
            if name in bodies:
                raise _wrong(tr(f'Rule "{name}" is defined twice', f'规则 "{name}" 重复定义'))
            bodies[name] = self.alternatives()
        if "root" not in bodies:
            raise _wrong(tr('the root rule with name "root" is not found', '找不到名为 "root" 的规则'))
        for name in self.used - bodies.keys():
            raise _wrong(tr(f'Rule "{name}" is not defined', f'规则 "{name}" 未定义'))
        self.rules.named |= {f"g-{name}": node for name, node in bodies.items()}
        return self.rules.written(Ref("g-root"))

    @property
    def used(self) -> set[str]:
        return {text for kind, text in self.tokens if kind == "name"}

    def peek(self) -> tuple:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple:
        self.at += 1
        return self.tokens[self.at - 1]

    def alternatives(self):
        found = [self.sequence()]
        while self.peek() == ("sign", "|"):
            self.take()
            found.append(self.sequence())
        return alt(*found)

    def sequence(self):
        parts = []
        while (token := self.peek())[0] not in ("rule", "end") and token not in (("sign", "|"), ("sign", ")")):
            node = self.element(*self.take())
            while (times := self.times()) is not None:
                node = self.rules.repeat(node, *times)
            parts.append(node)
        return seq(*parts)

    def times(self) -> tuple | None:
        kind, found = self.peek()
        if kind == "times" or (kind == "sign" and found in _TIMES):
            self.take()
            return found if kind == "times" else _TIMES[found]
        return None

    def element(self, kind: str, found):
        if kind == "name":
            return Ref(f"g-{found}")
        if kind == "text":
            return Text("".join(map(chr, _codes(found)))) if found else seq()
        if kind == "set":
            return _set(found)
        if (kind, found) == ("sign", "("):
            inner = self.alternatives()
            if self.at >= len(self.tokens) or self.take() != ("sign", ")"):
                raise _wrong(tr("a parenthesis is not closed", "括号未闭合"))
            return inner
        raise _wrong(tr(f"nothing to repeat before {found!r}", f"{found!r} 之前没有可重复的内容"))


def _tokens(text: str) -> list[tuple]:
    found, at = [], 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if not token:
            raise _wrong(tr(f"it cannot be read from {text[at : at + 20]!r} on", f"无法解析 {text[at : at + 20]!r} 处"))
        at = token.end()
        if token["least"]:
            least = int(token["least"])
            most = least if token["comma"] is None else int(token["most"]) if token["most"] else None
            found.append(("times", (least, most)))
        elif token.lastgroup != "space":
            found.append((token.lastgroup, token[token.lastgroup]))
    return found


def _wrong(what: str) -> UsageError:
    return UsageError(tr(f"{what}.", f"{what}。"))


def _codes(text: str) -> list[int]:
    found, at = [], 0
    while at < len(text):
        code, size = (ord(text[at]), 1) if text[at] != "\\" else _escape(text, at + 1)
        found.append(code)
        at += size
    return found


def _escape(text: str, at: int) -> tuple[int, int]:
    """The code point, and the length with the backslash."""
    if coded := _CODED.match(text, at):
        code = int(coded[1] or coded[2] or coded[3], 16)
        if code <= MAX_CHAR:
            return code, coded.end() - at + 1
    elif text[at] in _CONTROL:
        return _CONTROL[text[at]], 2
    elif not text[at].isalnum():
        return ord(text[at]), 2
    raise _wrong(tr(f"the escape \\{text[at : at + 9]} is none", f"无效的转义 \\{text[at : at + 9]}"))


def _set(text: str):
    is_negated = text.startswith("^")
    items, ranges, at = _items(text[is_negated:]), [], 0
    while at < len(items):
        item, _ = items[at]
        if not isinstance(item, int):
            ranges += item.ranges
        elif at + 2 < len(items) and items[at + 1] == (ord("-"), True) and isinstance(high := items[at + 2][0], int):
            if high < item:
                raise _wrong(tr(f"in [{text}] a lower bound is larger", f"[{text}] 中区间下限大于上限"))
            ranges.append((item, high))
            at += 2
        else:
            ranges.append((item, item))
        at += 1
    return without(ANY_CHAR, chars(*ranges)) if is_negated else chars(*ranges)


def _items(text: str) -> list[tuple]:
    """Code points or sets, and whether each stands there without an escape."""
    found, at = [], 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1] in _CLASSES:
            found.append((_CLASSES[text[at + 1]], False))
            at += 2
        else:
            code, size = (ord(text[at]), 1) if text[at] != "\\" else _escape(text, at + 1)
            found.append((code, size == 1))
            at += size
    return found
