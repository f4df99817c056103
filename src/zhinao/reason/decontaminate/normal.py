"""A text as it is compared: width, script and case folded, numbers masked, punctuation and layout gone. Finds nothing itself.

Two forms: `tokens` (words and Chinese characters, every number the same), and `strict` (numbers and signs kept), which is what short
prompts and sums are compared by: all of them would be equal in the other form.
"""

import functools
import re
import unicodedata

from zhinao.reason.decontaminate.traditional import TABLE

NUMBER = "0"
LEAST_WEIGHT = 10  # of a text that says enough without its numbers; a word counts 2, a Chinese character 1
_NUMERALS = "零〇一二三四五六七八九十百千万两"
_WORDS = re.compile(
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    "(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million"
)
_FOLDED = TABLE | dict.fromkeys(map(ord, _NUMERALS), NUMBER) | {0x5F: " ", 0x2019: "'"}
_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|text(?:bf|it|rm)?|math(?:rm|bf|it)|quad|qquad|[,;:! ])(?![a-z])")
_FRACTIONS = re.compile(r"\\[dt]frac(?![a-z])")
_TOKEN = re.compile(r"[0-9]+(?:[.,:][0-9]+)*|[\u3400-\u9fff]|[^\W\d\u3400-\u9fff]+")
_STRICT = re.compile(r"[\s$_{}\\]+|[.,;:!?。、；：！？…·'\"“”‘’「」『』()（）\[\]]")


def folded(text: str) -> str:
    """Full width, compatibility forms, case; numbers stay."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.lower()
    return _FRACTIONS.sub(r"\\frac", _LAYOUT.sub(" ", text)) if "\\" in text else text


def tokens(text: str) -> list[str]:
    """Words, Chinese characters (simplified) and NUMBER, in order; a run of numbers ("twenty three") is one."""
    found = _TOKEN.findall(folded(text).translate(_FOLDED))
    masked = [NUMBER if "0" <= one[0] <= "9" or _is_number(one) else one for one in found]
    return [one for place, one in enumerate(masked) if one != NUMBER or not place or masked[place - 1] != NUMBER]


@functools.lru_cache(2**16)
def _is_number(word: str) -> bool:
    return bool(_WORDS.fullmatch(word))


def strict(text: str) -> str:
    """All that tells one short question from another; blanks, punctuation and brackets are gone."""
    return _STRICT.sub("", folded(text).translate(TABLE))


def weight(found: list[str]) -> int:
    """How much a text says without its numbers."""
    return sum(1 if is_chinese(one) else 2 for one in found if one != NUMBER)


def is_chinese(token: str) -> bool:
    return "\u3400" <= token <= "\u9fff"
