"""IFEval: whether an answer follows instructions that a program can check (Zhou et al. 2023). 25 kinds, a function each.

Every rule is that of the authors' checker; two differ in their tools, which need downloads there: sentences are split by our own
rule (`sentences`), and words in capitals are told apart by white space and punctuation.
"""

import json
import re
from collections.abc import Callable, Mapping

from zhinao.errors import MissingExtraError
from zhinao.score.grade import Grade

_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "vs",
        "etc",
        "inc",
        "ltd",
        "co",
        "no",
        "fig",
        "vol",
        "dept",
        "est",
        "approx",
        "e.g",
        "i.e",
        "u.s",
        "u.k",
        "a.m",
        "p.m",
        "ph.d",
    ]
)
_PUNCTUATION = ".,?!'\""


def grade_ifeval(item, output: str) -> Grade:
    """`item.facts`: `instruction_id_list` and `kwargs`, as in the file. 1 where all are followed by the raw answer (strict, by prompt).

    Facts: for each instruction, strict and loose (without first line, last line, both, and without asterisks).
    Raises MissingExtraError where an instruction is about a language and langdetect is not installed.
    """
    ids, kwargs = item.facts["instruction_id_list"], item.facts["kwargs"]
    checks = [
        _check(id, {name: value for name, value in (given or {}).items() if value is not None})
        for id, given in zip(ids, kwargs, strict=True)
    ]
    strict = [bool(output.strip()) and check(output) for check in checks]
    loose = [any(text.strip() and check(text) for text in _loosened(output)) for check in checks]
    followed = ", ".join(id for id, is_followed in zip(ids, strict, strict=True) if is_followed)
    return Grade(float(all(strict)), followed, {"strict": strict, "loose": loose, "loose_score": float(all(loose))})


def known() -> list[str]:
    """The kinds of instructions."""
    return sorted(_CHECKS)


def _check(id: str, given: Mapping) -> Callable[[str], bool]:
    """Raises KeyError for a kind that is none: whoever reads the file has checked it."""
    check = _CHECKS[id]
    return lambda text: check(text, **given)


def _loosened(text: str) -> list[str]:
    lines = text.split("\n")
    cut = [text, "\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    return [*cut, *(one.replace("*", "") for one in cut)]


def _holds(number: int, relation: str, bound: int) -> bool:
    return number < bound if relation == "less than" else number >= bound


def sentences(text: str) -> list[str]:
    """Split behind . ! ? … (with closing quotes) before white space; not behind an abbreviation, an initial or a list's number."""
    found, start = [], 0
    for end in re.finditer(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n\s*\n", text):
        word = text[start : end.start()].rsplit(None, 1)[-1:] or [""]
        is_dot = end[0].startswith(".") and len(end[0].rstrip("\"'”’)]")) == 1
        if is_dot and (word[0].lower().lstrip("(\"'") in _ABBREVIATIONS or re.fullmatch(r"[A-Z]|\d{1,2}", word[0])):
            continue
        if text[start : end.end()].strip():
            found.append(text[start : end.end()].strip())
        start = end.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found


def _language(text: str) -> str | None:
    """None where nothing can be told, which the authors count as followed."""
    try:
        import langdetect
    except ImportError:
        raise MissingExtraError("langdetect", "evaluate") from None
    langdetect.DetectorFactory.seed = 0
    try:
        return langdetect.detect(text)
    except langdetect.LangDetectException:
        return None


def _response_language(text: str, language: str) -> bool:
    return _language(text) in (language, None)


def _english_capital(text: str) -> bool:
    return text.isupper() and _language(text) in ("en", None)


def _english_lowercase(text: str) -> bool:
    return text.islower() and _language(text) in ("en", None)


def _capital_words(text: str, capital_frequency: int, capital_relation: str) -> bool:
    words = re.findall(r"[\w]+(?:[-'’][\w]+)*", text)
    return _holds(sum(word.isupper() for word in words), capital_relation, capital_frequency)


def _repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _two_responses(text: str) -> bool:
    parts = text.split("******")
    inner = parts[1:-1]
    found = [part.strip() for part in parts if part.strip()]
    return all(part.strip() for part in inner) and len(found) == 2 and found[0] != found[1]


def _placeholders(text: str, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


def _postscript(text: str, postscript_marker: str) -> bool:
    patterns = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}
    pattern = patterns.get(postscript_marker, r"\s*" + re.escape(postscript_marker.lower()) + r".*$")
    return bool(re.search(pattern, text.lower(), re.MULTILINE))


def _constrained(text: str) -> bool:
    return any(f"My answer is {answer}." in text for answer in ("yes", "no", "maybe"))


def _json(text: str) -> bool:
    text = re.sub(r"^```(json|Json|JSON)?", "", text.strip()).removesuffix("```").strip()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.split(r"\s?" + re.escape(section_spliter.strip()) + r"\s?\d+\s?", text)) - 1 >= num_sections


def _bullets(text: str, num_bullets: int) -> bool:
    starred, dashed = (len(re.findall(form, text, re.MULTILINE)) for form in (r"^\s*\*[^\*].*$", r"^\s*-.*$"))
    return starred + dashed == num_bullets


def _highlights(text: str, num_highlights: int) -> bool:
    once = [found for found in re.findall(r"\*[^\n\*]*\*", text) if found.strip("*").strip()]
    twice = [found for found in re.findall(r"\*\*[^\n\*]*\*\*", text) if found[2:-2].strip()]
    return len(once) + len(twice) >= num_highlights


def _title(text: str) -> bool:
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", text))


def _keywords(text: str, keywords: list[str]) -> bool:
    return all(re.search(re.escape(word), text, re.IGNORECASE) for word in keywords)


def _forbidden(text: str, forbidden_words: list[str]) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


def _keyword_frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return _holds(len(re.findall(re.escape(keyword.strip()), text, re.IGNORECASE)), relation, frequency)


def _letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _holds(text.lower().count(letter.lower()), let_relation, let_frequency)


def _first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    parts = text.split("\n\n")
    num = sum(bool(part.strip()) for part in parts)
    if nth_paragraph > num or not parts[nth_paragraph - 1].strip():
        return False
    word = parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"').lower()
    end = next((place for place, letter in enumerate(word) if letter in _PUNCTUATION), len(word))
    return num == num_paragraphs and word[:end] == first_word.lower()


def _paragraphs(text: str, num_paragraphs: int) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    if not all(part.strip() for part in parts[1:-1]):
        return False
    return sum(bool(part.strip()) for part in parts) == num_paragraphs


def _sentences(text: str, num_sentences: int, relation: str) -> bool:
    return _holds(len(sentences(text)), relation, num_sentences)


def _words(text: str, num_words: int, relation: str) -> bool:
    return _holds(len(re.findall(r"\w+", text)), relation, num_words)


def _no_comma(text: str) -> bool:
    return "," not in text


def _end(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _quotation(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


_CHECKS: dict[str, Callable[..., bool]] = {
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "combination:repeat_prompt": _repeat_prompt,
    "combination:two_responses": _two_responses,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:json_format": _json,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:title": _title,
    "keywords:existence": _keywords,
    "keywords:forbidden_words": _forbidden,
    "keywords:frequency": _keyword_frequency,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _response_language,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_words": _words,
    "punctuation:no_comma": _no_comma,
    "startend:end_checker": _end,
    "startend:quotation": _quotation,
}
