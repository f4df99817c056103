"""run.html: one file that needs no other, made of run.json, log.jsonl and samples.jsonl alone. Charts are in `charts.py`."""

import json
from html import escape
from pathlib import Path

from zhinao import outfile
from zhinao.files import write_json
from zhinao.lang import current, tr
from zhinao.train.monitor import charts, tables
from zhinao.train.monitor.journal import read

FILE, RUN, LOG, SAMPLES = "run.html", "run.json", "log.jsonl", "samples.jsonl"


def write(folder: Path) -> Path:
    """Write run.html of the run in `folder`, whole or not at all."""
    file = Path(folder) / FILE
    outfile.write_text(file, html(Path(folder)))
    return file


def html(folder: Path) -> str:
    """The page of the run in `folder`, in the reader's language of now."""
    run, records, samples = read_run(folder), read(folder / LOG), read(folder / SAMPLES)
    body = (
        tables.head(run, records)
        + charts.all_of(run, records)
        + tables.answers(samples)
        + tables.data(run)
        + tables.origin(run)
    )
    title = escape(run.get("model", ""))
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if current() == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title} · {tr("training run", "训练记录")}</title>'
        f"<style>{_CSS}</style></head><body><main>{body}</main></body></html>\n"
    )


def note(folder: str | Path, **facts) -> None:
    """Add to run.json what is known only after the run, and write the page anew."""
    folder = Path(folder)
    if run := read_run(folder):
        write_json(folder / RUN, run | facts)
        write(folder)


def read_run(folder: Path) -> dict:
    """What run.json says; empty where there is none."""
    file = Path(folder) / RUN
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


# Light and dark by the reader's system; nothing is fetched.
_CSS = """
:root { --page:#f7f7f5; --card:#fff; --ink:#1c1c1a; --dim:#6c6b66; --rule:#e3e2dd; --a:#2468b8; --b:#c9541f; --ok:#1d7a46; --bad:#b3261e }
@media (prefers-color-scheme: dark) {
  :root { --page:#151514; --card:#1e1e1c; --ink:#ecebe6; --dim:#9d9b94; --rule:#34332f; --a:#6aa7ee; --b:#ef8a58; --ok:#5cc48b; --bad:#f0867e }
}
* { box-sizing:border-box }
body { margin:0; background:var(--page); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif }
main { max-width:1240px; margin:0 auto; padding:28px 20px 60px }
h1 { font-size:24px; line-height:1.25; margin:0 0 4px; overflow-wrap:anywhere }
h2 { font-size:17px; margin:34px 0 10px }
p { margin:4px 0 } .dim { color:var(--dim) }
.badge { display:inline-block; padding:1px 10px; border-radius:10px; font-size:13px; font-weight:600; color:var(--card); background:var(--dim); margin-right:8px }
.badge.finished { background:var(--ok) } .badge.failed { background:var(--bad) } .badge.running, .badge.stopped { background:var(--a) }
.tiles { display:grid; grid-template-columns:repeat(auto-fill,minmax(150px,1fr)); gap:10px; margin-top:18px }
.tiles div { background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:9px 13px }
.tiles b { display:block; font-size:19px; font-weight:600; font-variant-numeric:tabular-nums } .tiles span { color:var(--dim); font-size:13px }
.charts { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr)); gap:14px }
figure { margin:0; background:var(--card); border:1px solid var(--rule); border-radius:8px; padding:10px 12px 4px }
figcaption { font-weight:600; display:flex; flex-wrap:wrap; gap:4px 16px; justify-content:space-between }
.legend { font-weight:400; color:var(--dim); font-size:13px; display:flex; gap:14px } .legend i { display:inline-block; width:12px; height:3px; border-radius:2px; margin:0 6px 3px 0; background:var(--a) } .legend i.b { background:var(--b) }
svg { width:100%; height:auto; display:block }
.grid { stroke:var(--rule) } .tick { fill:var(--dim); font-size:12px; font-variant-numeric:tabular-nums }
.line { fill:none; stroke:var(--a); stroke-width:1.8; stroke-linejoin:round } .line.b { stroke:var(--b) }
.dot { fill:var(--a); stroke:var(--card); stroke-width:1.5 } .dot.b { fill:var(--b) }
.hit { fill:var(--a); fill-opacity:0 } .hit.b { fill:var(--b) } .hit:hover, .dot:hover { fill-opacity:1; stroke:var(--card); stroke-width:1.5 }
.bar { fill:var(--a) } .bar:hover { fill:var(--b) }
.scroll { overflow-x:auto; background:var(--card); border:1px solid var(--rule); border-radius:8px }
table { border-collapse:collapse; width:100%; font-size:14px } th,td { text-align:left; vertical-align:top; padding:6px 13px; border-bottom:1px solid var(--rule) }
tbody tr:last-child > * { border-bottom:0 } th { font-weight:600 } .numbers td:not(:first-child), .numbers thead th:not(:first-child) { text-align:right; font-variant-numeric:tabular-nums } thead th { color:var(--dim); font-size:13px; white-space:nowrap }
.samples td { min-width:250px; max-width:420px; white-space:pre-wrap; overflow-wrap:anywhere } .samples tbody th { position:sticky; left:0; background:var(--card); min-width:170px; max-width:220px; border-right:1px solid var(--rule) }
.samples .same { color:var(--dim) } .empty { color:var(--dim); font-style:italic }
.facts tbody th { width:1%; white-space:nowrap; font-weight:400; color:var(--dim) } .facts td { overflow-wrap:anywhere } code { font:13px/1.45 ui-monospace,Menlo,Consolas,monospace }
.two { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr)); gap:0 24px; align-items:start }
"""
