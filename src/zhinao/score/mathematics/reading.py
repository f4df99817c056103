"""What kind of answer a cleaned text is: a number, a letter, a set, a pair, an interval, a matrix, a formula, words. Computes nothing."""

import re
from dataclasses import dataclass

from zhinao.score.mathematics.numbers import Number, number

_MOST = 4000  # characters of an answer; longer ones are compared as strings only
_LETTER = re.compile(r"\(?([A-Z])\)?")
_MATRIX = re.compile(r"\\begin\{([bpvBV]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}", re.DOTALL)
_NAME = re.compile(r"(?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?(?:\s*\(\s*\w\s*\))?'?|[a-zA-Z]{2,6}")
_OR = re.compile(r"(?:,\s*)?(?<![A-Za-z\\])(?:or|and)(?![A-Za-z])|或者?|和|以及|与")
_CHAIN = re.compile(r"\\le(?![a-z])|\\ge(?![a-z])|\\lt(?![a-z])|\\gt(?![a-z])|<=|>=|<|>")
_WORDS = re.compile(
    r"[一-鿿]|(?<![\\A-Za-z])(?!(?:sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|pi|max|min|arcsin|arccos|arctan|mod)(?![A-Za-z]))[A-Za-z]{3,}"
)
_UP = {"\\gt": ">", "\\lt": "<", "\\ge": ">=", "\\le": "<="}


@dataclass(frozen=True)
class Letter:
    letter: str


@dataclass(frozen=True)
class Many:
    """`kind`: "set" (braces, ±), "list" (commas, or), "(…)" with its brackets, "union", "ratio", "named" (x=1, y=2: by name)."""

    kind: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Named:
    name: str
    value: str


@dataclass(frozen=True)
class Words:
    text: str


@dataclass(frozen=True)
class Formula:
    text: str


Read = Number | Letter | Many | Matrix | Named | Words | Formula


def read(text: str, depth: int = 0) -> Read:
    """Of a text from `cleaned`; brackets around the whole mean nothing."""
    if len(text) > _MOST or not text:
        return Words(text)
    if found := _LETTER.fullmatch(text):
        return Letter(found[1])
    if text[0] == "(" and text[-1] == ")" and _encloses(text) and len(split(text[1:-1], ",;")) == 1 and depth < 4:
        return read(text[1:-1].strip(), depth + 1)
    return number(text) or _matrix(text) or _brackets(text) or _relation(text) or _several(text) or _single(text)


def _single(text: str) -> Read:
    name, equals, value = text.partition("=")
    if equals and "=" not in value and value.strip() and _NAME.fullmatch(name.strip()):
        return Named(name.strip(), value.strip())
    ratio = re.fullmatch(r"(-?[\d.]+)\s*:\s*(-?[\d.]+)(?:\s*:\s*(-?[\d.]+))?", text)
    if ratio:
        return Many("ratio", tuple(part for part in ratio.groups() if part))
    if text.count("\\pm") == 1:
        return Many("set", tuple(text.replace("\\pm", sign, 1).strip().removeprefix("+") for sign in "+-"))
    return Words(text) if _WORDS.search(text) else Formula(text)


def _matrix(text: str) -> Matrix | None:
    found = _MATRIX.fullmatch(text)
    if not found or "\\begin" in found[2]:
        return None
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr", found[2]) if row.strip()]
    return Matrix(tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows))


def _brackets(text: str) -> Many | None:
    if text in ("\\emptyset", "\\{ \\}", "\\{\\}", "空集"):
        return Many("set", ())
    if text.startswith("\\{") and text.endswith("\\}"):
        inner = text[2:-2]
        return None if "|" in inner or "\\mid" in inner or "\\{" in inner else Many("set", split(inner, ",;"))
    union = split_by(text, "\\cup")
    if len(union) > 1:
        return Many("union", union)
    if re.match(r"[A-Za-z]\s*\\in\s*", text):
        return _brackets(re.sub(r"^[A-Za-z]\s*\\in\s*", "", text))
    if len(text) > 2 and text[0] in "([" and text[-1] in ")]" and _encloses(text):
        items = split(text[1:-1], ",;")
        return Many(text[0] + text[-1], items) if len(items) > 1 else None
    return None


def _relation(text: str) -> Many | None:
    """Of one variable and numbers: -1 < x <= 3 as the interval (-1, 3]."""
    marks = [_UP.get(mark, mark) for mark in _CHAIN.findall(text)]
    parts = [part.strip() for part in _CHAIN.split(text)]
    if any(mark[0] != marks[0][0] for mark in marks) or not 1 <= len(marks) <= 2:
        return None
    if marks[0][0] == ">":
        marks, parts = [mark.replace(">", "<") for mark in reversed(marks)], parts[::-1]
    at = next((i for i, part in enumerate(parts) if re.fullmatch(r"[a-zA-Z]", part)), None)
    if (
        at is None
        or (len(parts) == 3 and at != 1)
        or any(re.fullmatch(r"[a-zA-Z]", part) for i, part in enumerate(parts) if i != at)
    ):
        return None
    low, high = (parts[at - 1] if at else "-\\infty"), (parts[at + 1] if at + 1 < len(parts) else "\\infty")
    opened = "[" if at and marks[at - 1] == "<=" else "("
    closed = "]" if at + 1 < len(parts) and marks[at] == "<=" else ")"
    return Many(opened + closed, (low, high))


def _several(text: str) -> Many | None:
    parts = [part for each in split(text, ",;") for part in _split_or(each)]
    if len(parts) < 2 or len(parts) > 100:
        return None
    named = [_single(part) if "=" in part else None for part in parts]
    names = [each.name for each in named if isinstance(each, Named)]
    if isinstance(named[0], Named) and len(set(names)) == 1:
        return Many(
            "set",
            tuple(each.value if isinstance(each, Named) else part for each, part in zip(named, parts, strict=True)),
        )
    if len(names) == len(parts) == len(set(names)):
        pairs = sorted((each.name, each.value) for each in named if isinstance(each, Named))
        return Many("named:" + ",".join(name for name, _ in pairs), tuple(value for _, value in pairs))
    if any(isinstance(number(part), type(None)) and _WORDS.search(part) for part in parts):
        return None  # a sentence
    return Many("list", tuple(parts))


def _split_or(text: str) -> list[str]:
    return [part.strip() for part in _OR.split(text) if part.strip()] if _OR.search(text) else [text]


def split(text: str, marks: str) -> tuple[str, ...]:
    """At marks that stand within no brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char in marks and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return (*parts, text[start:].strip())


def split_by(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark))


def _encloses(text: str) -> bool:
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth == 0:
            return at == len(text) - 1
    return False
