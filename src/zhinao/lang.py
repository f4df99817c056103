"""Sentences for people, in English and Simplified Chinese, chosen by locale or by `--lang`."""

import os

_chosen: str | None = None


def from_environment(environ=os.environ) -> str:
    """`zh` or `en`, by the first locale variable that is set (POSIX order, then LANGUAGE as gettext does)."""
    for key in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "LANG"):
        value = environ.get(key, "")
        if value and value not in ("C", "POSIX") and not value.startswith("C."):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def choose(language: str | None) -> None:
    """Fix the language (`en` or `zh`); `None` goes back to the locale's."""
    global _chosen
    _chosen = language


def current() -> str:
    return _chosen or from_environment()


def tr(english: str, chinese: str) -> str:
    """The one of both sentences that the reader understands. Both stand side by side so that neither is forgotten."""
    return chinese if current() == "zh" else english


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 document`, `1,234 documents`: for English sentences alone. `many`: where an s does not make it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def columns(text: str) -> int:
    """Width in a terminal: Chinese characters take two columns."""
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)
