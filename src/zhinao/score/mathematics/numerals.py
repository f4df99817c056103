"""Numbers that are written in words: 一百零五, 三分之一, 百分之二十, twelve. Exact fractions out, None where it is no number."""

import re
from fractions import Fraction

_DIGITS = {char: i for i, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "廿": 20}
_SMALL = {"十": 10, "百": 100, "千": 1000}
LARGE = {"千": 10**3, "万": 10**4, "萬": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8, "億": 10**8, "万亿": 10**12}
_ENGLISH = {
    **{word: i for i, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"])},
    **{word: i for i, word in enumerate(["fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"], 14)},
    **{word: 10 * i for i, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)},
}  # fmt: skip
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+")


def in_words(text: str) -> Fraction | None:
    """The number that the whole text says in Chinese or English words."""
    if len(text) > 40:
        return None
    minus = text.startswith("负")
    value = _chinese(text.removeprefix("负")) if minus or not text.isascii() else _english(text.lower())
    return -value if minus and value is not None else value


def _chinese(text: str) -> Fraction | None:
    whole, of, part = text.partition("分之")
    if of:
        below, above = (Fraction(100) if whole == "百" else _chinese(whole)), _chinese(part)
        return above / below if below and above is not None else None
    before, point, after = text.partition("点")
    if point:
        digits = [_DIGITS.get(char) for char in after]
        units = _chinese(before)
        if units is None or None in digits or not digits:
            return None
        return units + Fraction(int("".join(map(str, digits))), 10 ** len(digits))
    return _whole(text) if _CHINESE.fullmatch(text) else None


def _whole(text: str) -> Fraction | None:
    if not any(char in "十百千万亿" for char in text):
        return Fraction(int("".join(str(_DIGITS[char]) for char in text)))  # 二〇二四
    for mark, value in (("亿", 10**8), ("万", 10**4)):
        above, found, below = text.rpartition(mark)
        if found:
            left, right = _whole(above) if above else None, _whole(below) if below else Fraction(0)
            return None if left is None or right is None else left * value + right
    return _below_10000(text)


def _below_10000(text: str) -> Fraction | None:
    total, digit, last = 0, None, 10_000
    for char in text:
        if char in _SMALL:
            if _SMALL[char] >= last:
                return None
            last = _SMALL[char]
            total, digit = total + (1 if digit is None else digit) * last, None
        elif digit:  # two digits side by side
            return None
        else:
            digit = _DIGITS[char]
    return Fraction(total + (digit or 0))


def _english(text: str) -> Fraction | None:
    words = re.split(r"[\s-]+", text.strip())
    values = [_ENGLISH.get(word) for word in words]
    if len(values) == 1 and values[0] is not None:
        return Fraction(values[0])
    if len(values) == 2 and None not in values and values[0] >= 20 and 0 < values[1] < 10:
        return Fraction(values[0] + values[1])
    return None
