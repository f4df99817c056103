"""run.html: one file that needs no other, made of run.json, log.jsonl and samples.jsonl alone. Charts are in `charts.py`."""

import json
from pathlib import Path

from zhinao import htmlpage, outfile
from zhinao.files import write_json
from zhinao.lang import tr
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
    return htmlpage.page(f"{run.get('model', '')} · {tr('training run', '训练记录')}", body)


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
