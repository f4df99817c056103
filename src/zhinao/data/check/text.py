"""What can be seen in a text alone: its script, markers, placeholders, thoughts, broken characters. Knows no messages."""

import functools
import re
import unicodedata

from zhinao.family import THINK_CLOSE, THINK_OPEN, TOOL_CLOSE, TOOL_OPEN

# Han, with extensions and compatibility forms; kana and hangul tell Japanese and Korean from Chinese.
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_OTHER_LETTER = re.compile(r"[^\W\d_\u0000-\u024f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$|https?://\S+", re.DOTALL)
# Spaces and punctuation, but neither 1.5, 3:2, 5! nor anything that calculates.
_UNHEARD = re.compile(r"""\s+|(?<!\d)[.,:!?]|[.,:?](?!\d)|[;'"…。、‘’“”«»「」『』《》—–·]+""")
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_PLACEHOLDER = re.compile(r"\{\{[ \t]*[A-Za-z_\u4e00-\u9fff][\w .\u4e00-\u9fff-]{0,40}[ \t]*\}\}(?!\})")
_IN_FORMULA = re.compile(r"(?:\\[A-Za-z]+|[{^_\\])\Z")  # \frac{{a}}, x^{{n}}
# Control tokens of chat formats that training files carry; those of the model in use are added by the caller.
MARKERS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<eod>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
)
_FRAMES = {THINK_OPEN, THINK_CLOSE, TOOL_OPEN, TOOL_CLOSE}


def without_code(text: str) -> str:
    """`text` without code, formulas and addresses, which are in no language and may hold anything."""
    return _CODE.sub(" ", text)


def language(text: str, num_least: int = 2) -> str:
    """`zh`, `en` or `other` by the script of most words; `none` where there are fewer than `num_least` words.

    A Han character counts as a word, and so does a run of Latin letters: otherwise one English name would outweigh a
    Chinese sentence. Latin script is called `en` whichever language it is.
    """
    text = without_code(text)
    num_others, num_kana = len(_OTHER_LETTER.findall(text)), len(_KANA.findall(text))
    num_words = {"zh": len(_HAN.findall(text)), "en": len(_LATIN_WORD.findall(text)), "other": (num_others + 2) // 3}
    if sum(num_words.values()) < num_least:
        return "none"
    if num_kana * 5 > num_words["zh"] > 0:  # Japanese is written with both
        return "other"
    return max(num_words, key=num_words.__getitem__)


def markers(text: str, control: tuple[str, ...]) -> list[str]:
    """Control markers that stand in `text`, each once, in order of their first place. Those of thoughts and
    tool calls, which an answer may hold, are not counted."""
    return list(dict.fromkeys(_any_of(control).findall(text)))


@functools.lru_cache(maxsize=4)
def _any_of(control: tuple[str, ...]) -> re.Pattern:
    """Any marker, the longest first where one begins another."""
    known = sorted({*MARKERS, *control} - _FRAMES, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


def placeholders(text: str) -> list[str]:
    """`{{name}}` that was never filled in, outside code and formulas."""
    if "{{" not in text:
        return []
    text, found, formula_end = without_code(text), {}, -1
    for match in _PLACEHOLDER.finditer(text):
        start, end = match.span()
        if start == formula_end or _IN_FORMULA.search(text[max(0, start - 20) : start]):
            formula_end = end
        else:
            found[match[0]] = None
    return list(found)


def thought_fault(text: str) -> str | None:
    """`unbalanced` where a thought in an answer never ends or begins twice, `unopened` for an end without a beginning."""
    is_open = False
    for tag in re.findall(f"{THINK_OPEN}|{THINK_CLOSE}", _INLINE_CODE.sub(" ", text)):
        if is_open == (tag == THINK_OPEN):
            return "unbalanced" if is_open else "unopened"
        is_open = tag == THINK_OPEN
    return "unbalanced" if is_open else None


def broken_characters(text: str) -> list[str]:
    """Characters that show a wrong encoding or a cut: U+FFFD, lone surrogates, control characters. Named as `U+FFFD`."""
    found = re.findall(r"[\ufffd\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)
    return [f"U+{ord(char):04X}" for char in dict.fromkeys(found)]


def normalized(text: str) -> str:
    """`text` as people would say it is the same: width, case, spaces and punctuation do not count, signs of formulas do."""
    return _UNHEARD.sub("", unicodedata.normalize("NFKC", text).casefold())
