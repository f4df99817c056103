"""Sentences for people, in English and Simplified Chinese: by the reader's wish where one is known, by `--lang`, or by locale.

A sentence remembers its other language: who makes it (a thread, another client's request) need not be who reads it.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar

_chosen: str | None = None
_asked: ContextVar[str | None] = ContextVar("language", default=None)  # of the request that is being answered


class Sentence(str):
    """A text in the language that was current when it was made. `said` and `both` know the other one."""

    english: str
    chinese: str

    def __new__(cls, english: str, chinese: str):
        made = super().__new__(cls, chinese if current() == "zh" else english)
        made.english, made.chinese = english, chinese
        return made

    def __getnewargs__(self):
        return self.english, self.chinese


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


@contextlib.contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Meanwhile, here and in tasks and threads that are given this context, the reader's language; None: our own."""
    before = _asked.set(language)
    try:
        yield
    finally:
        _asked.reset(before)


def current() -> str:
    return _asked.get() or _chosen or from_environment()


def tr(english: str, chinese: str) -> str:
    """The one of both sentences that the reader understands. Both stand side by side so that neither is forgotten."""
    return Sentence(english, chinese)


def dictionary(chinese: Mapping[str, str]) -> Callable[[str], str]:
    """`tr` for help and headings, whose Chinese stands in a room's `words.py`. KeyError for what it lacks; a test reads the code."""
    return lambda english: tr(english, chinese[english])


def both(text: str) -> tuple[str, str]:
    """In English and in Chinese; what is no sentence of ours is the same in either."""
    return (text.english, text.chinese) if isinstance(text, Sentence) else (text, text)


def said(text: str) -> str:
    """It for whom it is told to now."""
    return both(text)[current() == "zh"]


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 document`, `1,234 documents`: for English sentences alone. `many`: where an s does not make it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def columns(text: str) -> int:
    """Width in a terminal: Chinese characters take two columns."""
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)
