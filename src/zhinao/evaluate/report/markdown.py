"""The report as Markdown (report.md): what a model card or an issue can take as it is."""

from collections.abc import Mapping

from zhinao.evaluate import published
from zhinao.evaluate.report import phrases, rows
from zhinao.evaluate.report.rows import Row
from zhinao.evaluate.words import translated


def text(results: Mapping) -> str:
    found = rows.of(results)
    parts = [
        f"# {_cell(phrases.heading(results))}",
        _table(phrases.titles(), [_cells(row) for row in found]),
        *map(_cell, phrases.below(found, results)),
        f"## {translated('Protocols')}",
        "\n".join(f"- **{_cell(row.name)}**: {_cell(row.task.get('protocol', ''))}" for row in found),
        *_peers(found),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _cells(row: Row) -> list[str]:
    return [
        row.name,
        phrases.score(row),
        phrases.interval(row),
        phrases.printed(row),
        phrases.said(row),
        phrases.items(row),
        phrases.time(row.task.get("seconds")),
        phrases.notes(row),
    ]


def _peers(found: list[Row]) -> list[str]:
    """A table for each suite: other models' columns are comparable within it alone."""
    parts = []
    for suite, table in published.TABLES.items():
        if mine := [row for row in found if row.suite == suite]:
            parts += [
                f"## {translated('Published, all models')}: {table.section}",
                _table(
                    [translated("task"), translated("this run"), *table.models],
                    [[row.name, phrases.score(row), *_published(row, table)] for row in mine],
                ),
            ]
    return parts


def _published(row: Row, table: published.Table) -> list[str]:
    values = {**row.peers, row.column: row.published}
    return [f"{values[model]:.{row.digits}f}" for model in table.models]


def _table(titles: list[str], lines: list[list[str]]) -> str:
    every = [titles, ["---"] * len(titles), *lines]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in every)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
