"""Keeps the words of messages from becoming control tokens. Pure text; knows neither templates nor ids.

A character that occurs nowhere in the conversation is put inside whatever looks like a control token, and taken out again
after the frame's real control tokens have been found. It survives any template, because it is ordinary text to it.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from zhinao.family import THINK_CLOSE, THINK_OPEN

THINKING = (THINK_OPEN, THINK_CLOSE)


def unused_characters(*values) -> Iterator[str]:
    """Private-use characters that occur in none of the strings inside `values` (nested lists and dicts are walked)."""
    used = set().union(*map(_characters, values))
    areas = ((0xE000, 0xF900), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE))
    return (chr(code) for first, last in areas for code in range(first, last) if chr(code) not in used)


def _characters(value) -> set[str]:
    if isinstance(value, str):
        return set(value)
    if isinstance(value, dict):
        return set().union(*map(_characters, value), *map(_characters, value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*map(_characters, value))
    return set()


def _is_name(key) -> bool:
    return isinstance(key, str) and key.isidentifier()


class Guard:
    """Breaks control tokens inside content with the character `mark`."""

    def __init__(self, control: Iterable[str], mark: str):
        self.mark = mark
        self._borders = _borders(tuple(control))

    def message(self, message: dict) -> dict:
        """A copy in which all strings but the role are guarded; an assistant's thought markers in `content` stay."""
        allowed = THINKING if message["role"] == "assistant" else ()
        result = {key: self.value(value) for key, value in message.items() if key not in ("role", "content")}
        return {"role": message["role"], "content": self.text(message["content"], allowed), **result}

    def value(self, value) -> Any:
        """A copy of nested lists and dicts with all strings guarded; keys that are mere names stay, since templates look them up."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key if _is_name(key) else self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def text(self, text: str, allowed: tuple[str, ...] = ()) -> str:
        """`text` in which no control token but the `allowed` ones is left, also not when a frame adds to its ends."""
        borders = self._borders
        text = borders.patterns[allowed].sub(lambda match: match[0][0] + self.mark + match[0][1:], text)
        is_inside = text.startswith(borders.suffixes) or (text in borders.insides and text not in allowed)
        return self.mark * is_inside + text + self.mark * text.endswith(borders.prefixes)


@functools.lru_cache(maxsize=8)  # by far the most work of a short conversation
def _borders(control: tuple[str, ...]) -> "_Borders":
    return _Borders(control)


class _Borders:
    """Where control tokens begin and end: what the texts around a frame must not complete."""

    def __init__(self, control: tuple[str, ...]):
        tokens = sorted({*control, *THINKING}, key=len, reverse=True)
        self.prefixes = tuple(t[:size] for t in tokens for size in range(1, len(t)))
        self.suffixes = tuple(t[-size:] for t in tokens for size in range(1, len(t)))
        self.insides = {t[a:b] for t in tokens for a in range(len(t)) for b in range(a + 1, len(t) + 1)}
        self.patterns: dict[tuple[str, ...], re.Pattern[str]] = {
            allowed: re.compile("|".join(re.escape(t) for t in tokens if t not in allowed))
            for allowed in ((), THINKING)
        }
