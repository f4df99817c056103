"""run.html: one file that needs no other, made of run.json, log.jsonl and samples.jsonl alone. Charts are in `charts.py`."""

import json
from html import escape
from pathlib import Path

from zhinao import outfile
from zhinao.files import write_json
from zhinao.lang import current, tr
from zhinao.train.monitor import curves, samples_table, tables
from zhinao.train.monitor.journal import read
from zhinao.train.monitor.style import CSS

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
        + curves.charts(run, records)
        + samples_table.table(samples)
        + tables.data(run)
        + tables.origin(run)
    )
    title = escape(run.get("model", ""))
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if current() == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title} · {tr("training run", "训练记录")}</title>'
        f"<style>{CSS}</style></head><body><main>{body}</main></body></html>\n"
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
