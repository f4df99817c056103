"""Code blocks out of Markdown, and the few words of them that a test changes. Imports nothing but Python's own."""

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*) *\n(?P<text>.*?)^(?P=indent)``` *$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: `page` as it is named, `line` of its first fence, from 1; `text` without the indentation of a list."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(file: Path, page: str | None = None) -> list[Block]:
    """All of a page, in order. A fence that nothing closes is an AssertionError."""
    text = file.read_text(encoding="utf-8")
    found = [
        Block(page or file.name, text.count("\n", 0, m.start()) + 1, m["language"], textwrap.dedent(m["text"]))
        for m in _FENCE.finditer(text)
    ]
    assert len(re.findall(r"^ *```", text, re.M)) == 2 * len(found), f"{page or file}: a fence is not closed"
    return found


def replaced(text: str, table: Iterable[tuple[str, str]]) -> str:
    """`text` with each pattern of the table replaced; one that is nowhere is an AssertionError, so no table says too much."""
    for pattern, by in table:
        text, number = re.subn(pattern, lambda _, by=by: by, text)
        assert number, f"{pattern!r} is to be replaced by {by!r}, but it is not there"
    return text


def commands(script: str) -> list[str]:
    """The command lines of a shell block: without remarks, continued lines joined."""
    joined = re.sub(r" *\\\n\s*", " ", script)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]
