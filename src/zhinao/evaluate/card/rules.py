"""What a probe's answer must be like. Each rule is a few lines of plain text work; no model judges."""

import json
import re
from collections.abc import Callable, Sequence

from zhinao.api.loops import repeats_itself
from zhinao.family import THINK_CLOSE

_HAN, _LATIN = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[A-Za-z]+")
_ENDING = " \t\n\r.。!！?？\"'”’*`~"


def answer(output: str) -> str:
    """What is said after the thought."""
    return output.rpartition(THINK_CLOSE)[2].strip()


def keeps(rule: str, wanted: str, output: str) -> bool:
    """Whether an answer keeps a rule by name; an empty one keeps none."""
    text = answer(output)
    return bool(text) and _RULES[rule](text, wanted)


def loops(encode: Callable[[str], Sequence[int]], output: str) -> bool:
    """Whether it ends in one stretch over and over (`api/loops.py`), thought and all."""
    return repeats_itself(list(encode(output)))


def is_chinese(text: str, _: str = "") -> bool:
    """More than half of its words are Han characters; code, names and numbers may stand between."""
    num_han, num_latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    return num_han > num_latin


def is_english(text: str, _: str = "") -> bool:
    num_han, num_latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    return num_latin > 4 * num_han


def _is_json(text: str, key: str) -> bool:
    inner = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL)
    try:
        found = json.loads(inner[1] if inner else text)
    except ValueError:
        return False
    return isinstance(found, dict) and list(found) == [key]


def _letters(text: str) -> str:
    return "".join(_LATIN.findall(text))


_RULES: dict[str, Callable[[str, str], bool]] = {
    "begins": lambda text, wanted: text.lstrip(" \"'“*").lower().startswith(wanted.lower()),
    "ends": lambda text, wanted: text.rstrip(_ENDING).endswith(wanted),
    "contains": lambda text, wanted: wanted.lower() in text.lower(),
    "upper": lambda text, _: _letters(text).isupper(),
    "lower": lambda text, _: _letters(text).islower(),
    "one_word": lambda text, _: len(text.split()) == 1,
    "no_digit": lambda text, _: not re.search(r"\d", text),
    "json": _is_json,
    "chinese": is_chinese,
    "english": is_english,
    "at_most": lambda text, most: len(_HAN.findall(text)) <= int(most) and bool(_HAN.search(text)),
    "yes_no": lambda text, _: text.strip(_ENDING) in ("是", "否"),
}
