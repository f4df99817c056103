"""The report on a terminal: a table where there is room, a few lines a task where there is none."""

from collections.abc import Mapping

from zhinao.evaluate.report import phrases, rows
from zhinao.evaluate.report.rows import Row
from zhinao.evaluate.words import translated

NARROW = 100  # columns; below, the table would be all line breaks


def show(results: Mapping, width: int | None = None) -> None:
    from rich.console import Console

    console = Console(width=width, highlight=False)
    found = rows.of(results)
    if console.width < NARROW:
        for row in found:
            _block(console, row)
    else:
        console.print(_table(found))
    _print(console, "")
    for line in phrases.below(found, results):
        _print(console, line)


def _table(found: list[Row]):
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(translated("task"), overflow="fold", min_width=12)
    for title in (translated("score"), translated("95 %"), translated("published")):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(translated("verdict"), overflow="fold")
    table.add_column(translated("items"), justify="right", no_wrap=True)
    table.add_column(translated("time"), justify="right", no_wrap=True)
    table.add_column(translated("notes"), overflow="fold")
    for row in found:
        table.add_row(*map(_plain, (row.name, *_numbers(row), phrases.said(row), *_rest(row))))
    return table


def _numbers(row: Row) -> tuple[str, str, str]:
    return phrases.score(row), phrases.interval(row), phrases.printed(row)


def _rest(row: Row) -> tuple[str, str, str]:
    return phrases.items(row), phrases.time(row.task.get("seconds")), phrases.notes(row)


def _block(console, row: Row) -> None:
    score, interval, published = _numbers(row)
    _print(console, f"{row.name}  {score}  ({interval})")
    _print(console, f"  {translated('published')} {published}  {phrases.said(row)}")
    items, time, notes = _rest(row)
    _print(console, "  " + "  ".join(filter(None, (f"{translated('items')} {items}", time, notes))))


def _plain(text: str):
    from rich.text import Text

    return Text(text)


def _print(console, text: str) -> None:
    console.print(_plain(text), overflow="fold", soft_wrap=False)
