"""report.md and report.html beside a run's results, in the reader's language of now."""

from collections.abc import Mapping
from pathlib import Path

from zhinao import outfile
from zhinao.evaluate.report import markdown, page
from zhinao.evaluate.run import store

MARKDOWN, HTML = "report.md", "report.html"


def write(run: Path, results: Mapping) -> tuple[Path, Path]:
    """Each file whole or not at all. Raises DiskError where it cannot be written."""
    outfile.write_text(run / MARKDOWN, markdown.text(results))
    outfile.write_text(run / HTML, page.html(results, store.read(run)))
    return run / MARKDOWN, run / HTML
