"""Markdown that grows, cut into blocks that will not change any more. Draws nothing."""

import re

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # `str.splitlines` would cut at U+2028 and form feeds too
_CONTROL = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """Text without control characters: what a model writes must not steer the terminal."""
    return text.translate(_CONTROL)


class BlockSplitter:
    """Feed it text; `take` gives the blocks that are finished, `tail` is the one that still grows."""

    def __init__(self):
        self.tail = ""

    def feed(self, text: str) -> None:
        self.tail += text

    def take(self) -> list[str]:
        blocks = []
        while end := _end_of_first_block(self.tail):
            blocks.append(self.tail[:end])
            self.tail = self.tail[end:]
        return [block for block in blocks if block.strip()]


def _end_of_first_block(text: str) -> int:
    """Where the first block surely ends; 0 where it may go on. A fence is a block; so is what stands between blank lines.

    Indented lines after a blank line belong to the block before them (the inside of a list item).
    """
    fence, is_after_blank, position = "", False, 0
    for line in _LINE.findall(text):
        is_whole, content = line.endswith("\n"), line.strip()
        starts_fence = _FENCE.match(line)
        is_at_margin = bool(content) and line[0] not in " \t"
        if fence:
            if is_whole and content.startswith(fence) and not content.strip(fence[0]):
                fence = ""
                if line[0] == content[0]:
                    return position + len(line)
        elif position and is_at_margin and (is_after_blank or starts_fence) and text[:position].strip():
            return position
        elif starts_fence:
            fence = starts_fence[1]
        is_after_blank = not fence and is_whole and not content
        position += len(line)
    return 0


def with_line_breaks(block: str) -> str:
    """Chat models mean their line breaks; Markdown would join the lines. Code keeps its lines as they are."""
    lines, fence = [], ""
    for line in block.removesuffix("\n").split("\n"):
        found = _FENCE.match(line)
        if fence:
            fence = "" if found and found[1].startswith(fence) else fence
        elif found:
            fence = found[1]
        elif line.strip():
            line += "  "
        lines.append(line)
    return "\n".join(lines)
