"""Where a line of text may be broken: at spaces, and between Chinese characters, which have none. Draws nothing.

The rules are those of UAX #14 that matter here; text of wide characters is not one long word, no line begins with a closing mark.
"""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.containers import Lines
from rich.text import Text

_BEGINS_NO_LINE = frozenset("，。、；：？！）】」』》〉〕］｝”’…—～·,.;:?!)]}%％‰°℃ー々")
_ENDS_NO_LINE = frozenset("（【「『《〈〔［｛“‘([{￥$#")
_TIES = frozenset("…—")  # two of them are one mark
_JOINER = "\u200d"


class Wrapping(Text):
    """A Text that breaks by `line_starts`."""

    @classmethod
    def of(cls, text: Text) -> "Wrapping":
        return cls(text.plain, text.style, justify=text.justify, end=text.end, spans=list(text.spans))

    def wrap(self, console, width, *, justify=None, overflow=None, tab_size=8, no_wrap=None) -> Lines:
        lines = Lines()
        for line in self.split(allow_blank=True):
            line.expand_tabs(tab_size)
            for part in line.divide(line_starts(line.plain, width)):
                part.rstrip()
                lines.append(part)
        lines.justify(console, width, justify=justify or self.justify or "left", overflow="fold")
        return lines


def line_starts(text: str, width: int) -> list[int]:
    """Indices of `text` (one line) at which a new line begins, so that none is wider than `width` columns.

    A word that is wider than that is cut; an emoji of several characters never is.
    """
    starts, chance, used, before = [0], 0, 0, ""
    for start, unit, columns in _units(text):
        if before and _may_part(before, unit):
            chance = start
        for place in (chance, start):
            if used + columns > width and not unit.isspace() and place > starts[-1]:
                starts.append(place)
                used = cell_len(text[place:start])
        used, before = used + columns, unit
    return starts[1:]


def unbreakable(text: str) -> int:
    """Columns of the longest stretch of `text` that is not parted unless it has to be."""
    longest = used = 0
    before = ""
    for _, unit, columns in _units(text):
        used = columns if before and _may_part(before, unit) else used + columns * (not unit.isspace())
        longest, before = max(longest, used), unit
    return longest


def _units(text: str) -> Iterator[tuple[int, str, int]]:
    """(index, characters, columns) of what is one thing to the eye: a character with marks and joined emoji."""
    begin = 0
    for n in range(1, len(text) + 1):
        is_joined = n < len(text) and (
            _JOINER in (text[n], text[n - 1]) or (ord(text[n]) > 767 and not cell_len(text[n]))
        )
        if not is_joined:
            yield begin, text[begin:n], cell_len(text[begin:n])
            begin = n


def _may_part(before: str, unit: str) -> bool:
    """Whether a line may end after `before` and the next begin with `unit`."""
    if before.isspace() or unit.isspace():
        return not unit.isspace()
    if unit[0] in _BEGINS_NO_LINE or before[0] in _ENDS_NO_LINE or (before == unit and unit in _TIES):
        return False
    return cell_len(before) == 2 or cell_len(unit) == 2
