"""Numbers as exact fractions, with what stands behind them: 1,000; 3\\frac{1}{2}; 1.2\\times10^{3}; 50%; 3万元; 三分之一; 90°."""

import re
from dataclasses import dataclass
from fractions import Fraction

from zhinao.score.mathematics.numerals import LARGE, in_words
from zhinao.score.mathematics.units import unit_of

_MOST_DIGITS, _MOST_EXPONENT = 1000, 1000
_PLACES = 6  # a decimal of so many places may stand for a fraction that it rounds
_D = r"(?:\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d{1,3}(?: \d{3})+(?!\d)|\d+(?:\.\d*)?|\.\d+)"
_CORE = (
    ("mixed", re.compile(r"(\d+)\s*\\frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d+)\s+(\d+)\s*/\s*(\d+)")),
    (
        "fraction",
        re.compile(rf"\\frac\s*\{{\s*(-?{_D})\s*\}}\s*\{{\s*(-?{_D})\s*\}}|\(?({_D})\)?\s*/\s*\(?({_D})\)?(?![\d/^])"),
    ),
    ("repeating", re.compile(r"(\d*)\.(\d*)\\(?:overline|dot)\s*\{?(\d+)\}?")),
    ("scientific", re.compile(rf"({_D})\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*(?:\{{\s*([-+]?\d+)\s*\}}|([-+]?\d))")),
    ("exponent", re.compile(rf"({_D})[eE]([-+]?\d+)")),
    ("power", re.compile(r"10\s*\^\s*(?:\{\s*([-+]?\d+)\s*\}|(\d))(?!\d)")),
    ("plain", re.compile(_D)),
)
_HEAD = re.compile(r"([-+]?)\s*([$€£¥]?)\s*([-+]?)\s*")
_LARGE = re.compile(r"\s*(万亿|百万|千万|万|萬|亿|億|千(?![米克瓦])|thousand|million|billion|trillion)(?![A-Za-z])")
_ENGLISH = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_WORDS = re.compile(r"负?[零〇一二两三四五六七八九十百千万亿]+(?:(?:分之|点)[零〇一二两三四五六七八九十百千万亿]+)?")
_UNIT_IN_BRACKETS = re.compile(r"^\s*\(([^()]{1,12})\)$")


@dataclass(frozen=True)
class Number:
    """`value` as it is written (50 of 50%); `places`: of a decimal that may be rounded; `measures`, `size`: of its unit."""

    value: Fraction
    percent: bool = False
    places: int = 0
    measures: str | None = None
    size: Fraction = Fraction(1)


def number(text: str) -> Number | None:
    """The number that the whole text is; None where it is something else, or too large to hold."""
    if len(text) > _MOST_DIGITS + 200:
        return None
    head = _HEAD.match(text)
    sign = -1 if (head[1] + head[3]).count("-") == 1 else 1
    for kind, form in _CORE:
        found = form.match(text, head.end())
        value = _value(kind, found) if found else None
        if value is not None:
            places = len(found[0].partition(".")[2]) if kind == "plain" else 0
            whole = _with_unit(sign * value, places, head[2], text[found.end() :])
            if whole:
                return whole
    return _worded(text)


def same(gold: Number, answer: Number) -> bool:
    """Exact, but that 50% is 0.5 and, beside a bare 50, 50 too (not 0.5% beside 0.5); a unit on one side only says nothing."""
    if gold.measures and answer.measures:
        if gold.measures != answer.measures:
            return False
        return _close(gold.value * gold.size, answer.value * answer.size, gold, answer)
    if gold.percent != answer.percent:
        shares = [each.value / 100 if each.percent else each.value for each in (gold, answer)]
        return (gold.value == answer.value and abs(gold.value) > 1) or shares[0] == shares[1]
    return _close(gold.value, answer.value, gold, answer)


def _close(a: Fraction, b: Fraction, gold: Number, answer: Number) -> bool:
    if a == b:
        return True
    for exact, rounded, places in ((a, b, answer.places), (b, a, gold.places)):
        if places >= _PLACES and gold.size == answer.size and abs(exact - rounded) * 2 <= Fraction(1, 10**places):
            return True
    return False


def _value(kind: str, found: re.Match) -> Fraction | None:
    parts = [part.replace(",", "").replace(" ", "") for part in found.groups() if part is not None]
    if len(found[0]) > _MOST_DIGITS:
        return None
    if kind == "plain":
        return Fraction(found[0].replace(",", "").replace(" ", "").rstrip("."))
    if kind in ("scientific", "exponent", "power"):
        first, exponent = ("1", parts[0]) if kind == "power" else parts
        return (
            Fraction(first.rstrip(".")) * Fraction(10) ** int(exponent)
            if abs(int(exponent)) <= _MOST_EXPONENT
            else None
        )
    if kind == "repeating":
        whole, fixed, again = found.groups()
        below = 10 ** len(fixed)
        return Fraction(int((whole + fixed) or 0), below) + Fraction(int(again), below * (10 ** len(again) - 1))
    below = Fraction(parts[-1].rstrip("."))
    if below == 0:
        return None
    share = Fraction(parts[-2].rstrip(".")) / below
    return share + int(parts[0]) if kind == "mixed" else share


def _with_unit(value: Fraction, places: int, currency: str, rest: str) -> Number | None:
    large = _LARGE.match(rest)
    if large:
        value, places = value * (_ENGLISH.get(large[1]) or LARGE[large[1]]), 0
        rest = rest[large.end() :]
    bare = rest.strip()
    if bare.startswith("%") or bare.lower() in ("percent", "per cent"):
        return Number(value, True, places) if bare.lower() in ("%", "percent", "per cent") else None
    brackets = _UNIT_IN_BRACKETS.match(rest)
    bare = brackets[1].strip() if brackets else bare
    found = unit_of(bare or currency) if bare or currency else (None, Fraction(1))
    if currency and bare:  # $5 dollars, ¥5元
        money = unit_of(currency)
        found = found if found and found[0] in (None, money[0]) else None
    return Number(value, False, places, *found) if found else None


def _worded(text: str) -> Number | None:
    percent = re.fullmatch(r"(百分之)([\d.]+|[零一二两三四五六七八九十百点]+)", text)
    if percent:
        value = Fraction(percent[2]) if re.fullmatch(r"\d+(?:\.\d+)?", percent[2]) else in_words(percent[2])
        return Number(value, True) if value is not None else None
    if (value := in_words(text)) is not None:
        return Number(value)
    found = _WORDS.match(text)
    value = in_words(found[0]) if found else None
    if value is not None:
        return _with_unit(value, 0, "", text[found.end() :])
    first, _, rest = text.partition(" ")
    value = in_words(first) if first.isascii() and first.isalpha() and rest else None
    return _with_unit(value, 0, "", rest) if value is not None and unit_of(rest) else None
