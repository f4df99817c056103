"""What was found, as JSON for the gate of training and as a page that shows both texts side by side. Searches nothing."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from zhinao import files, outfile
from zhinao.lang import counted, current, tr
from zhinao.reason.decontaminate.benchmarks import Question
from zhinao.reason.decontaminate.search import Found, Outcome
from zhinao.reason.words import translated
from zhinao.version import __version__

KIND = "decontamination"  # known to `train/settings/decontaminated.py` too
NUM_SHOWN = 500  # on the page; the JSON has them all
_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{border:1px solid #8886;padding:.35rem .6rem;text-align:left;vertical-align:top}
.pair td{width:50%;white-space:pre-wrap;overflow-wrap:anywhere}small{opacity:.7}
"""


def record(outcome: Outcome, questions: Sequence[Question], missing: Sequence[str], share: float) -> dict:
    """All of it. `files` and `clean` carry the hashes by which training knows the data again."""
    names = sorted({one.benchmark for one in questions})
    counts = outcome.by_benchmark
    clean = dict(zip(("path", "sha256", "num_records"), outcome.clean, strict=True)) if outcome.clean else None
    return {
        "kind": KIND,
        "version": __version__,
        "share": share,
        "num_prompts": outcome.num_prompts,
        "num_found": len(outcome.found),
        "files": [{"path": path, "sha256": sha, "num_records": num} for path, (sha, num) in outcome.files.items()],
        "clean": clean,
        "benchmarks": {
            name: {
                "num_questions": sum(one.benchmark == name for one in questions),
                "found": dict(counts.get(name, {})),
            }
            for name in names
        },
        "not_there": list(missing),
        "found": [_found(one) for one in outcome.found],
    }


def _found(one: Found) -> dict:
    question = one.hit.question
    return {
        "place": one.place,
        "turn": one.turn,
        "how": one.hit.how,
        "share": round(one.hit.share, 3),
        "benchmark": question.benchmark,
        "id": question.id,
        "prompt": one.text,
        "question": question.text,
    }


def write(path: Path, report: dict) -> Path:
    """The JSON at `path` and the page beside it, whose path is returned. Raises DiskError."""
    files.write_json(path, report)
    page = path.with_suffix(".html")
    outfile.write_text(page, "".join(_page(report)))
    return page


def sentence(report: dict) -> str:
    num, found = sum(one["num_records"] for one in report["files"]), report["num_found"]
    against = counted(len(report["benchmarks"]), "benchmark")
    return tr(
        f"{num:,} records against {against}: {found:,} found.",
        f"{num:,} 条数据，对照 {len(report['benchmarks'])} 个评测：发现 {found:,} 条。",
    )


def _page(report: dict):
    title = translated("training prompts that are benchmark questions")
    yield f'<!doctype html><html lang="{current()}"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    yield f"<h1>{escape(title)}</h1><p>{escape(sentence(report))}</p>"
    if report["not_there"]:
        names = ", ".join(report["not_there"])
        yield f"<p>{escape(tr(f'Not compared, their files are not there: {names}', f'缺少数据而未对照：{names}'))}</p>"
    yield _table(report["benchmarks"])
    for one in report["found"][:NUM_SHOWN]:
        yield _pair(one)
    if (left := len(report["found"]) - NUM_SHOWN) > 0:
        yield f"<p>{escape(tr(f'… and {left:,} more in the JSON', f'……另有 {left:,} 条，见 JSON'))}</p>"


def _table(benchmarks: dict) -> str:
    heads = (
        translated("benchmark"),
        translated("questions"),
        translated("exact"),
        translated("but for numbers"),
        translated("n-grams"),
    )
    rows = [
        (name, one["num_questions"], *(one["found"].get(how, 0) for how in ("exact", "masked", "n-grams")))
        for name, one in benchmarks.items()
    ]
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _pair(one: dict) -> str:
    left = f"{one['place']} · {one['how']} {one['share']:.0%}"
    right = f"{one['benchmark']} · {one['id']}"
    return (
        f"<table class=pair><tr><th>{escape(left)}</th><th>{escape(right)}</th></tr>"
        f"<tr><td>{escape(one['prompt'])}</td><td>{escape(one['question'])}</td></tr></table>"
    )
