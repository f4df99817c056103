"""Answers as text: what is cut away before comparing, the last number, and the overlap of two Chinese summaries."""

import functools
import re
import string

from zhinao.errors import MissingExtraError

_CUT = re.compile(r"[\n.,]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
_MARKS = re.compile(r"[^\w\s]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?|-?\.\d+")
_LIST_MARK = re.compile(r"^(?:1\.\s*|- )")
_MOST = 100_000


def general_postprocess(text: str) -> str:
    """OpenCompass's common form: up to the first newline, full stop or comma (ASCII), without punctuation and English articles."""
    text = _MARKS.sub("", _CUT.split(text, maxsplit=1)[0])
    return " ".join(_ARTICLE.sub("", text).split())


def exact(gold: str, text: str) -> bool:
    """Whether both say the same after `general_postprocess`; upper and lower case differ."""
    return general_postprocess(gold) == general_postprocess(text)


def first_word(text: str) -> str:
    """LAMBADA's answer: the first word of the output, up to its first ASCII punctuation mark."""
    word = text.strip().split(" ")[0].strip()
    return next((word[:i] for i, char in enumerate(word) if char in string.punctuation), word)


def last_number(text: str) -> str | None:
    """GSM8K's answer: the last number before the next "Question:", without thousands separators; None where there is none."""
    text = text.split("Question:")[0][-_MOST:].replace(",", "")
    found = _NUMBER.findall(text)
    return found[-1] if found else None


def same_number(gold: str, text: str | None) -> bool:
    """`72`, `72.0` and `72.00` are one number, exactly (no rounding)."""
    from decimal import Decimal, InvalidOperation

    try:
        return text is not None and Decimal(gold.replace(",", "")) == Decimal(text)
    except InvalidOperation:
        return False


def lcsts_summary(text: str) -> str:
    """LCSTS's output before scoring: its first line, without "1. " or "- " before it and without ，。！"""
    line = _LIST_MARK.sub("", text.strip().split("\n")[0].strip())
    return re.sub("[，。！]", "", line)


def rouge_chinese_1(candidate: str, reference: str) -> float:
    """ROUGE-1 F (Lin 2004) over jieba's words by `rouge_chinese`, 0 to 1. Empty on either side: 0.

    MissingExtraError without jieba or rouge-chinese.
    """
    cut, rouge = _rouge()
    first, second = (" ".join(cut(general_postprocess(text))).strip() for text in (candidate, reference))
    if not first or not second:
        return 0.0
    return float(rouge.get_scores(first, second)[0]["rouge-1"]["f"])


@functools.lru_cache(1)
def _rouge():
    try:
        import jieba
        from rouge_chinese import Rouge
    except ImportError:
        raise MissingExtraError("ROUGE for Chinese", "evaluate") from None
    jieba.setLogLevel(60)
    return jieba.cut, Rouge(metrics=["rouge-1"])
