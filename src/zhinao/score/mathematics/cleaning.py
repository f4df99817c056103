"""One spelling for what is written in many: full width, Unicode signs, LaTeX's spacing and fonts. Meaning is not touched here."""

import re
import unicodedata

_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGNS = {
    **dict.fromkeys("−–—‐‑‒﹣－", "-"),
    **{
        "×": "\\times ",
        "÷": "/",
        "·": "\\cdot ",
        "∗": "*",
        "π": "\\pi ",
        "∞": "\\infty ",
        "∪": "\\cup ",
        "∩": "\\cap ",
    },
    **{
        "≤": "\\le ",
        "≥": "\\ge ",
        "∈": "\\in ",
        "±": "\\pm ",
        "⁄": "/",
        "∅": "\\emptyset ",
        "θ": "\\theta ",
        "√": "\\sqrt",
    },
    **{
        "，": ",",
        "；": ";",
        "：": ":",
        "。": ".",
        "、": ",",
        "∶": ":",
        "′": "'",
        "￥": "¥",
        "℃": "°",
        "º": "°",
        "≠": "\\ne ",
    },
}
_REPLACED = (
    (r"\\(?:left|right|bigg?l?r?|Bigg?l?r?|displaystyle|textstyle|limits|mathstrut)(?![A-Za-z])\.?", ""),
    (r"\\[dtc]frac", r"\\frac"),
    (r"\\(?:leq|leqslant)(?![A-Za-z])", r"\\le "),
    (r"\\(?:geq|geqslant)(?![A-Za-z])", r"\\ge "),
    (r"\\(?:varnothing|phi(?=$))", r"\\emptyset "),
    (r"\{,\}", ","),
    (r"(?<!\\)\\[!,;:> ]|~|\\q?quad(?![A-Za-z])|\\thinspace", " "),
    (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])", "°"),
    (r"\\([%$#&_])", r"\1"),
    (r"\\sqrt\s*(\d)(?!\d)", r"\\sqrt{\1}"),
    (r"\\sqrt\s*([A-Za-z])(?![A-Za-z])", r"\\sqrt{\1}"),
    (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
    (r"\\frac\s*(\d)\s*(?=\{)", r"\\frac{\1}"),
    (r"(\\frac\{[^{}]*\})\s*(\d)", r"\1{\2}"),
)
_COMPILED = [(re.compile(old), new) for old, new in _REPLACED]
_FONT = re.compile(
    r"\\(?:text|mathrm|textbf|textit|textrm|mathbf|mathit|mathsf|mbox|hbox|operatorname|boldsymbol|emph|boxed)\s*\{([^{}]*)\}"
)
_DOLLARS = re.compile(r"\$\$?(.*?)\$?\$|\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)


def cleaned(text: str) -> str:
    text = _one_alphabet(text)
    for old, new in _COMPILED:
        text = old.sub(new, text)
    for _ in range(4):  # fonts within fonts
        text, count = _FONT.subn(r" \1 ", text)
        if not count:
            break
    text = re.sub(r"\s+", " ", text).strip()
    return _unwrapped(text)


def squeezed(text: str) -> str:
    """For comparing as strings: without spaces, but "1 2" is not 12."""
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)


def _one_alphabet(text: str) -> str:
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda found: "^{" + found[0].translate(_SUPERSCRIPT) + "}", text)
    text = re.sub(r"√\s*(\d+|[a-z])", r"\\sqrt{\1}", text)
    text = re.sub("(?<=[0-9])(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", " ", text)
    text = text.translate(str.maketrans(_SIGNS))
    text = unicodedata.normalize("NFKC", text).translate(str.maketrans(_SIGNS))
    return "".join(char if char.isascii() else _digit(char) for char in text if char.isprintable() or char.isspace())


def _digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _unwrapped(text: str) -> str:
    """Without the marks around a whole formula, and the full stop behind it."""
    for _ in range(5):
        before = text
        text = text.rstrip(".;, ").strip() if not text.endswith("\\") else text
        text = re.sub(r"^(?:\*\*|__)(.*?)(?:\*\*|__)$", r"\1", text)
        whole = _DOLLARS.fullmatch(text)
        inner = next((part for part in whole.groups() if part is not None), None) if whole else None
        if inner is not None and "$" not in inner:
            text = inner.strip()
        elif (found := re.match(r"\$([^$]+)\$\s*(\S.*)?$", text)) or (
            found := re.match(r"\\\((.+?)\\\)\s*(\S.*)?$", text)
        ):
            text = found[1] + " " + (found[2] or "")
        if text.startswith("{") and text.endswith("}") and _closes_at_end(text):
            text = text[1:-1].strip()
        if text == before:
            break
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for at, char in enumerate(text):
        if at and text[at - 1] == "\\":
            continue
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return at == len(text) - 1
    return False
