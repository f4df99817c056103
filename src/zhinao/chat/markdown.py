"""An answer's Markdown for the terminal, with nothing lost: tags, pictures and notes stay in the text, for a terminal shows no HTML.

Of tables every word of every cell is shown, whatever the width: cells are folded, and where columns would become too narrow
to be read, each row is shown as a list of `heading  cell`.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, Paragraph, TableElement
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from zhinao.chat.blocks import with_line_breaks
from zhinao.chat.wrap import Wrapping, unbreakable

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# HTML would not be shown (`List<String>` would be `List`); definitions (`[^1]: …`) belong to what other blocks refer to
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("reference")
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
        head: list[Text] = (
            [Wrapping.of(cell.content) for cell in self.header.row.cells] if self.header and self.header.row else []
        )
        body = self.body.rows if self.body else ()
        rows: list[list[Text]] = [[Wrapping.of(cell.content) for cell in row.cells] for row in body]
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


class _Heading(Heading):
    def __rich_console__(self, console, options):
        yield Wrapping.of(self.text)


class _Paragraph(Paragraph):
    def __rich_console__(self, console, options):
        yield Wrapping.of(self.text)


class _CodeBlock(CodeBlock):
    """Code without padding or background, so that it can be copied."""

    def __rich_console__(self, console, options):
        yield Syntax(
            str(self.text).rstrip(), self.lexer_name, theme=self.theme, word_wrap=True, background_color="default"
        )


class _Markdown(Markdown):
    """rich's, with nothing of the text left out."""

    elements = {  # noqa: RUF012 (rich's own form)
        **Markdown.elements,
        "heading_open": _Heading,
        "paragraph_open": _Paragraph,
        "table_open": FoldedTable,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
    }

    def __init__(self, text: str):
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        self.markup, self.parsed = text, _tokens(text)


def markdown(text: str) -> Markdown:
    """To be printed by rich."""
    return _Markdown(with_line_breaks(text))


def _tokens(text: str) -> list[Token]:
    """Tokens of a block. `<br>` is a line break, a picture its words and its address."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.children:
            token.children = [new for child in token.children for new in _shown(child)]
    return tokens


def _shown(token: Token) -> list[Token]:
    if token.type == "image":
        return [_plain(f"🖼 {token.content} ({token.attrs.get('src', '')})")]
    if token.type != "text" or not _BREAK.search(token.content):
        return [token]
    first, *others = _BREAK.split(token.content)
    return [_plain(first), *(new for part in others for new in (Token("hardbreak", "br", 0), _plain(part)))]


def _plain(content: str) -> Token:
    return Token("text", "", 0, content=content)
