"""report.html: the report as one file that needs no other. Text of models and of files is escaped."""

from collections.abc import Iterable, Mapping
from html import escape

from zhinao import htmlpage
from zhinao.evaluate import published
from zhinao.evaluate.report import browser, chart, heat, phrases, rows
from zhinao.evaluate.report.rows import Row
from zhinao.evaluate.words import translated
from zhinao.lang import tr


def html(results: Mapping, records: Iterable[dict]) -> str:
    found, records = rows.of(results), list(records)
    body = (
        _head(results, found)
        + _scores(found, results)
        + _charts(found)
        + heat.section(records)
        + _protocols(found)
        + _peers(found)
    )
    body += browser.section(records, len(results["tasks"])) + _settings(results)
    return htmlpage.page(phrases.heading(results), body, _CSS)


def _head(results: Mapping, found: list[Row]) -> str:
    items = sum(task.get("num_items") or 0 for task in results["tasks"].values())
    seconds = sum(task.get("seconds") or 0 for task in results["tasks"].values())
    tiles = [
        (translated("tasks"), len(results["tasks"])),
        (translated("items"), items),
        (translated("time"), phrases.time(seconds)),
        *((name, count) for name, count in _problems(found)),
    ]
    shown = "".join(f"<div><b>{escape(str(value))}</b><span>{escape(name)}</span></div>" for name, value in tiles)
    when = escape(f"zhinao {results.get('version', '')} · {results.get('time', '')}")
    return f'<h1>{escape(phrases.heading(results))}</h1><p class="dim">{when}</p><div class="tiles">{shown}</div>'


def _problems(found: list[Row]) -> list[tuple[str, int]]:
    names = {
        "num_cut_off": translated("cut off"),
        "num_not_extracted": translated("no answer found"),
        "num_errors": translated("errors"),
    }
    sums = [(name, sum(row.task.get(key) or 0 for row in found)) for key, name in names.items()]
    return [pair for pair in sums if pair[1]]


def _scores(found: list[Row], results: Mapping) -> str:
    lines = "".join(_score_line(row) for row in found)
    notes = "".join(f'<p class="dim">{escape(line)}</p>' for line in phrases.below(found, results))
    return f"<h2>{translated('Scores')}</h2>{_table(phrases.titles(), lines, 'numbers scores')}{notes}"


def _score_line(row: Row) -> str:
    css = "none" if row.verdict is None else row.verdict.replace(" ", "-")
    cells = (phrases.score(row), phrases.interval(row), phrases.printed(row))
    rest = (phrases.items(row), phrases.time(row.task.get("seconds")), phrases.notes(row))
    return (
        f"<tr><th>{escape(row.name)}</th>{_cells(cells)}"
        f'<td class="verdict {css}">{escape(phrases.said(row))}</td>{_cells(rest)}</tr>'
    )


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def _table(titles: Iterable[str], lines: str, css: str) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    return (
        f'<div class="scroll"><table class="{css}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _charts(found: list[Row]) -> str:
    """A chart for each suite, since suites share no scale and no average; tasks that no table holds in one of their own."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in found:
        groups.setdefault((row.suite, row.scale), []).append(row)
    figures = "".join(_figure(suite, scale, rows) for (suite, scale), rows in groups.items())
    return f"<h2>{translated('Charts')}</h2>{figures}"


def _figure(suite: str, scale: float, rows: list[Row]) -> str:
    title = published.TABLES[suite].section if suite else translated("without published numbers")
    legend = [("mine", tr("this run, with its 95 % interval", "本次结果及 95 % 区间"))]
    if suite:
        legend += [("published", f"{rows[0].column} ({translated('published')})"), ("peer", translated("other models"))]
    shown = "".join(f'<span><i class="{css}"></i>{escape(text)}</span>' for css, text in legend)
    return (
        f"<figure><figcaption>{escape(title)}<span class='legend'>{shown}</span></figcaption>"
        f"{chart.figure(rows, scale)}</figure>"
    )


def _protocols(found: list[Row]) -> str:
    cards = "".join(_card(row) for row in found)
    return f"<h2>{translated('Protocols')}</h2><div class='cards'>{cards}</div>"


def _card(row: Row) -> str:
    task = row.task
    facts = [
        (translated("mode"), task.get("mode")),
        (translated("items"), phrases.items(row)),
        (translated("score of guessing"), f"{task['chance'] * 100:.1f}" if task.get("chance") else None),
        (translated("tokens"), f"{task['num_tokens']:,}" if task.get("num_tokens") else None),
        *phrases.samples(row),
        *phrases.problems(row),
        (translated("judge"), task.get("judge")),
    ]
    shown = " · ".join(f"{escape(name)} {escape(str(value))}" for name, value in facts if value not in (None, ""))
    return f'<div class="card"><b>{escape(row.name)}</b><p>{escape(task.get("protocol", ""))}</p><p class="dim">{shown}</p></div>'


def _peers(found: list[Row]) -> str:
    parts = []
    for suite, table in published.TABLES.items():
        if mine := [row for row in found if row.suite == suite]:
            titles = (translated("task"), translated("this run"), *table.models)
            lines = "".join(
                f"<tr><th>{escape(row.name)}</th>{_cells((phrases.score(row), *_published(row, table)))}</tr>"
                for row in mine
            )
            parts.append(
                f"<h2>{translated('Published, all models')}: {escape(table.section)}</h2>{_table(titles, lines, 'numbers')}"
            )
    return "".join(parts)


def _published(row: Row, table: published.Table) -> list[str]:
    values = {**row.peers, row.column: row.published}
    return [f"{values[model]:.{row.digits}f}" for model in table.models]


def _settings(results: Mapping) -> str:
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in (results.get("settings") or {}).items()
        if value is not None
    )
    return f"<h2>{translated('Settings')}</h2>{_table((), lines, 'facts')}" if lines else ""


_CSS = """
rect.found { fill:var(--ok) } rect.lost { fill:var(--bad) } .cell { fill:var(--card); font-size:13px; font-weight:600 }
.scores td.verdict, .scores thead th:nth-child(5), .scores td:last-child, .scores thead th:last-child { text-align:left !important }
.scores td:not(.verdict):not(:last-child) { white-space:nowrap } .scores td.verdict { min-width:220px } td.agrees { color:var(--ok) } td.lower { color:var(--bad) } td.higher { color:var(--a) } td.cannot-tell, td.none { color:var(--dim) }
.numbers tbody th { white-space:nowrap } .scroll tbody th { position:sticky; left:0; background:var(--card) }
figure { margin-bottom:14px } .legend { flex-wrap:wrap } .legend i { width:10px; height:10px; border-radius:50% } .legend i.mine { background:var(--a) } .legend i.published { background:var(--b); border-radius:0; transform:rotate(45deg) scale(.8) } .legend i.peer { background:var(--dim); opacity:.5 }
svg svg { width:auto; display:inline } .name { fill:var(--ink); font-size:13px } .whisker { stroke:var(--a); stroke-width:5; stroke-linecap:round; opacity:.35 } .mine { fill:var(--a); stroke:var(--card) } .peer { fill:var(--dim); opacity:.45 } .published { fill:var(--b); stroke:var(--card) }
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr)); gap:10px } .card { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:9px 13px; overflow-wrap:anywhere }
.item { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:5px 13px; margin-bottom:5px } .item[hidden] { display:none } .item summary { cursor:pointer; overflow-wrap:anywhere } .item.right b { color:var(--ok) } .item.wrong b { color:var(--bad) }
pre { white-space:pre-wrap; overflow-wrap:anywhere; font:13px/1.5 ui-monospace,Menlo,Consolas,monospace; border-top:1px solid var(--rule); padding-top:8px } select { font:inherit; color:inherit; background:var(--card); border:1px solid var(--rule); border-radius:6px; padding:3px 8px; margin-right:12px }
"""
