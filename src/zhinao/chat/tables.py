"""Tables of an answer in the terminal: every word of every cell is shown, whatever the width. Parses no Markdown.

Cells are folded; where columns would become too narrow to be read, each row is shown as a list of `heading  cell`.
"""

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import TableElement
from rich.table import Table
from rich.text import Text

from zhinao.chat.wrap import Wrapping, unbreakable

_NARROWEST = 8  # columns, four Chinese characters: a narrower cell is read letter by letter
_WORD = 14  # a column is at least as wide as its longest word, up to this
_HEADING = "markdown.table.header"


class FoldedTable(TableElement):
    """`head` and `rows` hold a Text for each cell, aligned as the marks under the heading say."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head, rows = self._cells()
        needed = sum(_needed(column) for column in zip(head, *rows, strict=True)) + 2 * len(head) + 2
        yield _as_columns(head, rows) if needed <= options.max_width else _as_records(head, rows)

    def _cells(self) -> tuple[list[Text], list[list[Text]]]:
        head = [Wrapping.of(cell.content) for cell in self.header.row.cells] if self.header and self.header.row else []
        rows = [[Wrapping.of(cell.content) for cell in row.cells] for row in (self.body.rows if self.body else ())]
        for cell in head:
            cell.stylize(_HEADING)
        return head, rows


def _needed(column: tuple[Text, ...]) -> int:
    """Columns of the screen below which a column of the table cannot be read."""
    longest = max(cell_len(line) for cell in column for line in cell.plain.split("\n"))
    word = max(unbreakable(line) for cell in column for line in cell.plain.split("\n"))
    return min(longest, max(_NARROWEST, min(word, _WORD)))


def _as_columns(head: list[Text], rows: list[list[Text]]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, style="markdown.table.border", collapse_padding=True)
    for cell in head:
        table.add_column(cell, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _as_records(head: list[Text], rows: list[list[Text]]) -> Table:
    """Two columns: headings on the left, cells on the right, an empty line between rows."""
    table = Table.grid(padding=(0, 1))
    widest = max(cell_len(cell.plain) for cell in head)
    table.add_column(max_width=max(min(widest, 2 * _NARROWEST), 1), overflow="fold")
    table.add_column(overflow="fold")
    for number, row in enumerate(rows or [[Text("")] * len(head)]):
        if number:
            table.add_row()
        for name, cell in zip(head, row, strict=True):
            cell.justify = "left"
            table.add_row(name, cell)
    return table
