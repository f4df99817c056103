"""Writes the parts of `docs/` that the code already says: `python -m zhinao.generated_docs docs` (or `make docs`).

`cli.md` is the help of every verb in both languages; in `structure.md` the list of files between the two marks.
"""

import ast
import os
import sys
from pathlib import Path

from zhinao import lang
from zhinao.cli import VERBS, build_parser, verb_parser

START, END = "<!-- files: made by `make docs` -->", "<!-- end of files -->"


def cli_page() -> str:
    """The whole of `cli.md`. Its width is fixed so that it does not depend on a terminal."""
    os.environ["COLUMNS"] = "100"
    os.environ["NO_COLOR"] = "1"
    parts = ["# `zhinao --help`", "Made by `make docs`; do not edit. 由 `make docs` 生成，请勿手改。"]
    for verb in (None, *VERBS):
        parts.append(f"## `zhinao {verb}`" if verb else "## `zhinao`")
        for language in ("en", "zh"):
            lang.choose(language)
            parser = build_parser(verb)
            if verb:
                parser = verb_parser(parser, verb)
            parts.append(f"```text\n{parser.format_help().rstrip()}\n```")
    lang.choose(None)
    return "\n\n".join(parts) + "\n"


def file_list(source: Path) -> str:
    """One line a file: the first line of its docstring."""
    lines = []
    for file in sorted(source.rglob("*.py"), key=lambda f: (f.parent, f.name)):
        doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        if doc:
            lines.append(f"| `{file.relative_to(source)}` | {doc.splitlines()[0].replace('|', '·')} |")
    return "\n".join(["| file | what it does |", "| --- | --- |", *lines])


def structure_page(page: str, source: Path) -> str:
    """`structure.md` with its list of files renewed."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{file_list(source)}\n{END}{after}"


def write(folder: Path) -> None:
    (folder / "cli.md").write_text(cli_page(), encoding="utf-8")
    structure = folder / "structure.md"
    page = structure_page(structure.read_text(encoding="utf-8"), Path(__file__).parent)
    structure.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
