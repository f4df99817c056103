"""Whether two answers are one: by kind, exactly where that can be told, by asking a symbolic engine for formulas only.

None is "could not be told". Whatever is not plainly the same kind of thing is no match: a wrong "right" is worse than a missed one.
"""

import re
from collections.abc import Callable

from zhinao.score.mathematics.cleaning import cleaned, squeezed
from zhinao.score.mathematics.numbers import Number, same
from zhinao.score.mathematics.reading import Formula, Letter, Many, Matrix, Named, Read, Words, read

Ask = Callable[[str, str], bool | None]
_MOST_ITEMS, _MOST_DEPTH = 24, 4
_CHOICE = re.compile(
    r"\(?([A-Z])\)?\s*[.:,、)]\s*\S.*|\(([A-Z])\)\s*\S.*|(?:选项?|option |choice )\s*\(?([A-Z])\)?", re.I | re.S
)
_DRESS = re.compile(r"^(?:(?:答案|结果)?(?:是|为|[:：])|答[:：]|共有?|一共有?|总共有?|等于|it is |there are )\s*")
_YES = {"yes": "yes", "true": "yes", "是": "yes", "对": "yes", "正确": "yes", "no": "no", "false": "no", "否": "no", "错": "no", "错误": "no", "不是": "no"}  # fmt: skip
_WHOLE = re.compile(r"[^\w]+")


def compare(gold: str, answer: str, ask: Ask) -> bool | None:
    """Of two answers as they were written. `ask(gold, answer)` is called for formulas, at most 64 times in all."""
    if len(answer) > 20 * len(gold) + 4000:
        return False
    left, right = cleaned(gold), cleaned(_DRESS.sub("", answer.strip()))
    if not right:
        return False
    left, right = _DRESS.sub("", left), _DRESS.sub("", right)
    return _compare(left, right, _few(ask), 0)


def _few(ask: Ask) -> Ask:
    left = [64]

    def asked(gold: str, answer: str) -> bool | None:
        left[0] -= 1
        return ask(gold, answer) if left[0] >= 0 else None

    return asked


def _compare(gold: str, answer: str, ask: Ask, depth: int) -> bool | None:
    if squeezed(gold) == squeezed(answer):
        return True
    if depth > _MOST_DEPTH:
        return None
    left, right = read(gold), read(answer)
    if isinstance(left, Letter):
        return _letters(left.letter, right, answer)
    if _several_letters(gold):
        return _several_letters(answer) == _several_letters(gold)
    return _kinds(_opened(left, right), _opened(right, left), ask, depth)


def _opened(one: Read, other: Read) -> Read:
    """`x = 5` beside something without a name is 5, and a set of one its element."""
    if isinstance(one, Named) and not isinstance(other, Named):
        return read(one.value)
    if isinstance(one, Many) and one.kind in ("set", "list") and len(one.items) == 1 and not isinstance(other, Many):
        return read(one.items[0])
    return one


def _kinds(left: Read, right: Read, ask: Ask, depth: int) -> bool | None:
    match left, right:
        case Number(), Number():
            return same(left, right)
        case Named(), Named():
            return left.name == right.name and _compare(left.value, right.value, ask, depth + 1)
        case Many(), Many():
            return _many(left, right, ask, depth)
        case (Many(kind="ratio"), Number()) | (Number(), Many(kind="ratio")):
            ratio, plain = (left, right) if isinstance(left, Many) else (right, left)
            return len(ratio.items) == 2 and _compare("/".join(ratio.items), str(plain.value), ask, depth + 1)
        case Matrix(), Matrix():
            if [len(row) for row in left.rows] != [len(row) for row in right.rows]:
                return False
            return _all(
                [_compare(a, b, ask, depth + 1) for a, b in zip(sum(left.rows, ()), sum(right.rows, ()), strict=True)]
            )
        case Words(), _:
            return _words(left.text) == _words(right.text) if isinstance(right, Words) else False
        case ((Formula() | Number() | Letter()), (Formula() | Number() | Letter())):
            return ask(_text(left), _text(right))
    return False


def _text(one: Read) -> str:
    if isinstance(one, Number):
        value = one.value / 100 if one.percent else one.value
        if one.places and not one.percent:  # a decimal may be a rounded one, which the engine is to know
            whole, part = divmod(abs(value.numerator) * 10**one.places // value.denominator, 10**one.places)
            return f"{'-' * (value < 0)}{whole}.{part:0{one.places}}"
        return str(value.numerator) if value.denominator == 1 else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    return one.letter if isinstance(one, Letter) else one.text


def _words(text: str) -> str:
    plain = _WHOLE.sub("", text).casefold()
    return _YES.get(plain, plain) or text


def _letters(letter: str, right: Read, answer: str) -> bool:
    if isinstance(right, Letter):
        return right.letter == letter
    if isinstance(right, Many):
        return False
    found = _CHOICE.fullmatch(answer)
    named = next((part for part in found.groups() if part), None) if found else None
    return named == letter and not re.search(r"(?<![A-Za-z])(?:or|and|not)(?![A-Za-z])|或|和|不", answer)


def _several_letters(text: str) -> frozenset | None:
    """ABD, or A, B, D: the options of a question with several right ones."""
    plain = re.sub(r"[\s,;和]", "", text)
    return frozenset(plain) if re.fullmatch(r"[A-H]{2,8}", plain) and len(set(plain)) == len(plain) else None


def _many(left: Many, right: Many, ask: Ask, depth: int) -> bool | None:
    kinds = left.kind, right.kind
    if len(left.items) > _MOST_ITEMS or len(right.items) > _MOST_ITEMS:
        return None if len(left.items) == len(right.items) else False
    if kinds == ("ratio", "ratio"):
        return _ratios(left.items, right.items, ask, depth)
    if set(kinds) <= {"set", "list"} or kinds == ("union", "union"):
        return _unordered(left.items, right.items, ask, depth)
    ordered = kinds[0] == kinds[1] or set(kinds) <= {"list", "()"} or _named_pair(kinds)
    return ordered and _in_order(left.items, right.items, ask, depth)


def _named_pair(kinds: tuple[str, str]) -> bool:
    """x=1, y=2 beside (1, 2), or beside 1, 2."""
    return any(one.startswith("named:") and other in ("()", "list") for one, other in (kinds, kinds[::-1]))


def _in_order(left: tuple[str, ...], right: tuple[str, ...], ask: Ask, depth: int) -> bool | None:
    if len(left) != len(right):
        return False
    return _all([_compare(a, b, ask, depth + 1) for a, b in zip(left, right, strict=True)])


def _ratios(left: tuple[str, ...], right: tuple[str, ...], ask: Ask, depth: int) -> bool | None:
    def scaled(items: tuple[str, ...]) -> tuple[str, ...]:
        read_ = [read(item) for item in items]
        first = read_[0].value if isinstance(read_[0], Number) else 0
        return tuple(str(each.value / first) for each in read_ if isinstance(each, Number)) if first else items

    return _in_order(scaled(left), scaled(right), ask, depth)


def _unordered(left: tuple[str, ...], right: tuple[str, ...], ask: Ask, depth: int) -> bool | None:
    if len(left) != len(right):
        return False
    rest, told = list(right), True
    for item in left:
        verdicts = []
        for at, other in enumerate(rest):
            verdicts.append(_compare(item, other, ask, depth + 1))
            if verdicts[-1]:
                del rest[at]
                break
        else:
            if None not in verdicts:
                return False
            told = False
    return True if told else None


def _all(verdicts: list[bool | None]) -> bool | None:
    return False if False in verdicts else None if None in verdicts else True
