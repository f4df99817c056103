"""Strings and numbers of JSON as trees: given values, lengths, patterns, formats, bounds. Knows no schema."""

import json
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from zhinao.engine.grammar import regex
from zhinao.engine.grammar.rules import Rules
from zhinao.engine.grammar.tree import (
    ANY_CHAR,
    DIGIT,
    EMPTY,
    Alt,
    Chars,
    Repeat,
    Seq,
    Text,
    alt,
    chars,
    maybe,
    of,
    seq,
    without,
)

_SPECIAL = chars((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
PLAIN = without(ANY_CHAR, _SPECIAL)  # characters that stand for themselves within quotes
_FEW = 64  # of a larger set the characters that need an escape are left out: following them takes long
_NUM_DIGITS = 15  # what a double holds
_HEX = of("0123456789abcdefABCDEF")
_QUOTE = Text('"')

_DAY = "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DATE = f"[1-9][0-9]{{3}}-{_DAY}"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,4}}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PATH = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_DURATION = "P(?:[0-9]{1,4}W|[0-9]{1,4}Y(?:[0-9]{1,4}M(?:[0-9]{1,4}D)?)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|[0-9]{1,4}D)"
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": _DURATION,
    "email": rf"[A-Za-z0-9_+-]{{1,30}}(?:\.[A-Za-z0-9_+-]{{1,30}}){{0,3}}@{_LABEL}(?:\.{_LABEL}){{1,4}}",
    "hostname": _HOST,
    "ipv4": rf"{_BYTE}(?:\.{_BYTE}){{3}}",
    "ipv6": "[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}",
    "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "uri": rf"[a-z][a-z0-9+.-]{{1,10}}://{_HOST}(?::[1-9][0-9]{{1,3}})?(?:/{_PATH}*)?(?:\?{_PATH}*)?(?:#{_PATH}*)?",
    "json-pointer": "(?:/(?:[^~/]|~[01])*)*",
}


def value(given) -> Text:
    """A value as `json.dumps` writes it, without escapes for characters that need none. Raises ValueError for 1e999."""
    text = json.dumps(given, ensure_ascii=False, allow_nan=False)
    return Text("".join(f"\\u{ord(char):04x}" if 0xD800 <= ord(char) <= 0xDFFF else char for char in text))


def string(rules: Rules, least: int, most: int | None):
    """Any string of so many characters. Those with a limit hold no escapes: counting them too would be slow to follow."""
    if most is None:
        fixed = rules.repeat(PLAIN, least, least) if least else EMPTY
        return seq(_QUOTE, fixed, _any_text(rules), _QUOTE)
    return seq(_QUOTE, rules.repeat(PLAIN, least, most), _QUOTE)


def _any_text(rules: Rules):
    """No escape for half a surrogate pair."""
    low = seq(of("cdefCDEF"), *[_HEX] * 2)
    code = alt(
        seq(without(_HEX, of("dD")), *[_HEX] * 3),
        seq(of("dD"), of("01234567"), *[_HEX] * 2),
        seq(of("dD"), of("89abAB"), *[_HEX] * 2, Text("\\u"), of("dD"), low),
    )
    escape = seq(Text("\\"), alt(of('"\\/bfnrt'), seq(Text("u"), code)))
    return rules.add("text", Repeat(alt(PLAIN, escape), 0, None))


def fitting(pattern: str, rules: Rules) -> tuple[object, tuple[int, int | None]]:
    """The strings that fit a regular expression as a whole, and how many characters they have. Raises UsageError."""
    tree = regex.tree(pattern, rules)
    inner = regex.counted(_within_quotes(tree), rules)
    return seq(_QUOTE, inner, _QUOTE), regex.widths(tree)


def _within_quotes(node):
    match node:
        case Text(text):
            return Text(value(text).text[1:-1])
        case Chars(ranges):
            return _escaped(node, sum(high - low + 1 for low, high in ranges))
        case Seq(parts):
            return seq(*map(_within_quotes, parts))
        case Alt(parts):
            return alt(*map(_within_quotes, parts))
        case Repeat(part, least, most):
            return Repeat(_within_quotes(part), least, most)
    return node


def _escaped(node: Chars, size: int):
    plain = without(node, _SPECIAL)
    if plain.ranges and size > _FEW:
        return plain
    special = without(node, without(ANY_CHAR, _SPECIAL))
    codes = [code for low, high in special.ranges for code in range(low, high + 1) if code <= 0x5C]
    written = [_within_quotes(Text(chr(code))) for code in codes]
    return alt(*([plain] if plain.ranges else []), *written)


def integer(low: int | None, high: int | None):
    """Whole numbers within bounds, both included; without a bound they have up to 18 digits more than the other."""
    if low is None and high is None:
        return alt(Text("0"), seq(maybe(Text("-")), of("123456789"), Repeat(DIGIT, 0, 17)))
    room = 10 ** max(18, len(str(abs(high if low is None else low))) + 1) - 1
    low, high = -room if low is None else low, room if high is None else high
    parts = [_point(max(low, 0), high, 0)] if high >= 0 else []
    parts += [seq(Text("-"), _point(max(-high, 1), -low, 0))] if low < 0 else []
    return alt(*parts)


def number(low: Decimal | None, high: Decimal | None, is_open_low: bool, is_open_high: bool):
    """Numbers within bounds; `is_open_…`: the bound itself is none of them."""
    if low is None and high is None:
        whole = alt(Text("0"), seq(of("123456789"), Repeat(DIGIT, 0, _NUM_DIGITS - 1)))
        power = seq(of("eE"), maybe(of("+-")), Repeat(DIGIT, 1, 2))
        return seq(maybe(Text("-")), whole, maybe(_fraction(_NUM_DIGITS)), maybe(power))
    room = Decimal(10) ** max(15, (high if low is None else low).adjusted() + 2)
    low, high = -room if low is None else low, room if high is None else high
    parts = _positive(max(low, Decimal(0)), high, is_open_low and low >= 0, is_open_high) if high >= 0 else []
    if low < 0:
        top = max(-high, Decimal(0))
        parts += [
            seq(Text("-"), part) for part in _positive(top, -low, is_open_high or high >= 0, is_open_low)
        ]  # no -0, which a bound of 0 may forbid
    return alt(*parts)


def _positive(low: Decimal, high: Decimal, is_open_low: bool, is_open_high: bool) -> list:
    """Those ≥ 0, by the number of digits behind the point: up to the bounds' own exactly, then any that stay between."""
    own = max(0, *(-int(bound.as_tuple().exponent) for bound in (low, high)))
    parts = []
    for places in range(own + 1):
        first, last = _steps(low, places, ROUND_CEILING), _steps(high, places, ROUND_FLOOR)
        first += is_open_low and Decimal(first).scaleb(-places) == low
        last -= is_open_high and Decimal(last).scaleb(-places) == high
        parts += [_point(first, last, places)] if first <= last else []
    first, last = _steps(low, own, ROUND_CEILING) + is_open_low, _steps(high, own, ROUND_FLOOR) - 1
    free = _NUM_DIGITS - own - max(1, high.adjusted() + 1)
    if first <= last and free > 0:
        more = Repeat(DIGIT, 1, free)
        parts.append(seq(_point(first, last, own), *([Text("."), more] if own == 0 else [more])))
    return parts


def _steps(bound: Decimal, places: int, rounding: str) -> int:
    return int(bound.scaleb(places).to_integral_value(rounding))


def _fraction(most: int):
    return seq(Text("."), Repeat(DIGIT, 1, most))


def _point(low: int, high: int, places: int):
    """`low`…`high` (≥ 0) as digits without leading zeros, a point before the last `places` of them."""
    parts = []
    for size in range(max(len(str(low)), places + 1), max(len(str(high)), places + 1) + 1):
        first = max(low, 10 ** (size - 1) if size > places + 1 else 0)
        last = min(high, 10**size - 1)
        if first <= last:
            parts.append(_between(f"{first:0{size}d}", f"{last:0{size}d}", places))
    return alt(*parts)


def _between(low: str, high: str, places: int):
    """Digits from `low` to `high`, which are of one length."""
    if not low:
        return EMPTY
    size, parts = len(low) - 1, []
    first, last = int(low[0]), int(high[0])
    if first == last:
        return _digit(first, first, size, places, _between(low[1:], high[1:], places))
    if low[1:] != "0" * size:
        parts.append(_digit(first, first, size, places, _between(low[1:], "9" * size, places)))
        first += 1
    tail = None
    if high[1:] != "9" * size:
        tail = _digit(last, last, size, places, _between("0" * size, high[1:], places))
        last -= 1
    if first <= last:
        parts.append(_digit(first, last, size, places, _free(size, places)))
    return alt(*parts, *([tail] if tail else []))


def _digit(first: int, last: int, size: int, places: int, rest):
    """One digit with `size` more behind it."""
    point = [Text(".")] if places and size == places else []
    return seq(chars((48 + first, 48 + last)), *point, rest)


def _free(size: int, places: int):
    """`size` digits, of which the last `places` stand behind a point that is still to come."""
    if places and size > places:
        return seq(Repeat(DIGIT, size - places, size - places), Text("."), Repeat(DIGIT, places, places))
    return Repeat(DIGIT, size, size) if size else EMPTY
