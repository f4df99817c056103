"""Which option an answer names: A, B, C … of a text in English or Chinese. Knows words around letters, no benchmark.

The forms are those that OpenCompass's `first_option_postprocess` looks for, in its order: the first form that is found anywhere
decides, not the form that stands first in the text. Expressions are our own.
"""

import functools
import re

# {O}: one option. Tried in order; the sayings that commit most come first, and at the end any letter that stands there.
_FORMS = (
    *(r"答案是?\s*[:：]?\s*{O}", r"答案是?\s*[:：]\s*{O}", r"答案是?\s*[,，]\s*{O}"),
    *(r"答案应该?[是为]\s*{O}", r"答案应该?选\s*{O}", r"答案选项应?该?[为是]\s*{O}"),
    *(
        r"答案[为是]\s*[:：]?\s*{O}",
        r"答案应?该?[为是]\s*[:：]?\s*{O}",
        r"答案选\s*{O}",
        r"正确的?答案[为是]?\s*[:：]?\s*{O}",
    ),
    *(r"选择?\s*[:：]?\s*{O}", r"故选?\s*[:：]?\s*{O}", r"只有选?项?\s?{O}\s?是?对", r"只有选?项?\s?{O}\s?是?错"),
    *(
        r"只有选?项?\s?{O}\s?不?正确",
        r"只有选?项?\s?{O}\s?错误",
        r"说法不?对选?项?的?是\s?{O}",
        r"说法不?正确选?项?的?是\s?{O}",
    ),
    *(r"说法错误选?项?的?是\s?{O}", r"{O}\s?是正确的", r"{O}\s?是正确答案", r"选项\s?{O}\s?正确", r"所以答\s?{O}"),
    *(r"所以\s?{O}\s?[.。$]?\s?(?:\n|$)", r"所有\s?{O}\s?[.。$]?\s?(?:\n|$)", r"[\s，:：,]{O}[。，,.]?\s?(?:\n|$)"),
    *(
        r"[\s，,：:][故即]{O}[。.]?\s?(?:\n|$)",
        r"[\s，,：:]因此{O}[。.]?\s?(?:\n|$)",
        r"[是为。]\s?{O}[。.]?\s?(?:\n|$)",
    ),
    *(
        r"因此\s?{O}[。.]?\s?(?:\n|$)",
        r"显然\s?{O}[。.]?\s?(?:\n|$)",
        r"答案是\s?(?:\S+)(?:。|$)",
        r"答案应该是\s?(?:\S+)(?:。|$)",
    ),
    r"答案为\s?(?:\S+)(?:。|$)",
    *(r"(?i:answer is)\s*(?i:option)?\s*[:：]?\s*\**\(?\$?\s*{O}", r"(?i:answer)\s*[:：]\s*\**\s*\(?\$?\s*{O}"),
    *(
        r"(?i:answer(?: to the question)?) (?:is|would be|should be)\s*[:：]?\s*{O}",
        r"(?i:choice|option)\s*(?:is)?\s*[:：]?\s*\(?{O}",
    ),
    *(
        r"(?i:choose|pick|select)\s+(?:option\s+)?\(?{O}",
        r"\(?{O}\)? is (?:the )?correct",
        r"(?i:correct (?:answer|option) is)[:：]?\s*\(?{O}",
    ),
    *(
        r"(?i:therefore|thus|so|hence),?\s+(?:it is |the answer is )?\(?{O}\)?\s*[.。]?\s*$",
        r"\\boxed\{{\s*(?:\\text\{{\s*)?\(?{O}",
    ),
    *(r"^\s*\**\(?{O}\)?\**\s*$", r"^\s*[（(]?{O}[)）]?\s*[.。,，:：、]", r"^\s*[（(]?{O}[)）]?\s+\S"),
    *(r"1\.\s?{O}[.。$]?$", r"1\.\s?(?:.*?)$"),
)
_LAST_RESORT = (r"(?<![A-Za-z]){O}(?![A-Za-z])", r"{O}")
_ANSWER_IS = "answer is "
_WIDE = str.maketrans({chr(0xFF21 + i): chr(0x41 + i) for i in range(26)})
_MOST = 100_000  # of a text: an answer stands at one of its ends


def first_option(text: str, letters: str) -> str | None:
    """The option that the text names, by the first form of the list that fits; None where no letter stands.

    `letters`: the options there are, "ABCD". Full-width letters count as such.
    """
    text = _within(text).translate(_WIDE).strip()
    for form in _compiled(letters):
        if (found := form.search(text)) and (letter := _letter_of(found, letters)):
            return letter
    return None


def first_capital(text: str, letters: str) -> str | None:
    """The first of the letters anywhere in the text (as OpenCompass scores C3 and EPRSTMT), inside words too."""
    return next((char for char in text.translate(_WIDE) if char in letters), None)


def after_answer_is(text: str, last: bool = False) -> str:
    """What stands after the first `answer is ` and before the next (or after the last), the whole text where it is missing (BIG-Bench Hard's protocol)."""
    pieces = text.split(_ANSWER_IS)
    return text if len(pieces) == 1 else pieces[-1 if last else 1].strip()


def bbh_option(text: str) -> str | None:
    """The letter of BBH's multiple choice: after `answer is `, the first "(X" (the tool asks for no more), else the first capital letter."""
    rest = after_answer_is(text)
    found = re.search(r"\(([A-Z])", rest) or re.search(r"([A-Z])", rest)
    return found.group(1) if found else None


def bbh_text(text: str, last: bool = False) -> str:
    """The free-form answer of BBH: after `answer is `, the first line, without its full stop."""
    return after_answer_is(text, last).split("\n")[0].strip().removesuffix(".").strip()


def _within(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST // 2] + "\n" + text[-_MOST // 2 :]


def _letter_of(found: re.Match, letters: str) -> str | None:
    """The named letter; a form without one (`答案是…。`) says something that may hold a letter."""
    if found.groupdict().get("option"):
        return found["option"]
    return next((char for char in found[0] if char in letters), None)


@functools.lru_cache(64)
def _compiled(letters: str) -> tuple[re.Pattern, ...]:
    option = f"(?P<option>[{re.escape(letters)}])"
    strict = option + "(?![A-Za-z])"  # "answer: Apple" names no A
    forms = [form.replace("{{", "{").replace("{O}", strict) for form in (*_FORMS, _LAST_RESORT[0])]
    return (*(re.compile(form, re.MULTILINE) for form in forms), re.compile(_LAST_RESORT[1].replace("{O}", option)))
