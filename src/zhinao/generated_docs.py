"""Writes the parts of `docs/` that the code already says: `python -m zhinao.generated_docs docs` (or `make docs`).

`cli.md` is the help of every verb in both languages; in `structure.md` the list of files between the two marks.
"""

import argparse
import ast
import contextlib
import os
import sys
from pathlib import Path

from zhinao import lang
from zhinao.arguments import inner_parsers
from zhinao.cli import VERBS, build_parser, verb_parser

START, END = "<!-- files: made by `make docs` -->", "<!-- end of files -->"


def cli_page() -> str:
    """The whole of `cli.md`. Its width is fixed so that it does not depend on a terminal."""
    with _terminal(COLUMNS="100", NO_COLOR="1"):
        return _cli_page()


@contextlib.contextmanager
def _terminal(**settings: str):
    """Environment variables, taken back afterwards: argparse reads them when it draws."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _cli_page() -> str:
    parts = ["# `zhinao --help`", "Made by `make docs`; do not edit. 由 `make docs` 生成，请勿手改。"]
    for verb in (None, *VERBS):
        parts += _section([verb] if verb else [])
        parts += [part for inner in inner_parsers(_parser([verb])) for part in _section([verb, inner])] if verb else []
    lang.choose(None)
    return "\n\n".join(parts) + "\n"


def _section(words: list[str]) -> list[str]:
    """The heading and the help of the whole command, of a verb, or of a verb inside a verb, in both languages."""
    parts = [f"## `{' '.join(['zhinao', *words])}`"]
    for language in ("en", "zh"):
        lang.choose(language)
        parts.append(f"```text\n{_parser(words).format_help().rstrip()}\n```")
    return parts


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = build_parser(*words[:1])
    for number, word in enumerate(words):
        parser = inner_parsers(parser)[word] if number else verb_parser(parser, word)
    return parser


def file_list(source: Path) -> str:
    """One line a file: the first line of its docstring. Those of the distribution beside ours come last, as `contract/…`."""
    contract = source.parents[1] / "contract" / "zhinao_contract"
    places = {file: str(file.relative_to(source)) for file in _files(source)}
    places |= {file: f"contract/{file.relative_to(contract)}" for file in _files(contract)}
    lines = []
    for file, place in places.items():
        doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        if doc:
            lines.append(f"| `{place}` | {doc.splitlines()[0].replace('|', '·')} |")
    return "\n".join(["| file | what it does |", "| --- | --- |", *lines])


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"), key=lambda f: (f.parent, f.name))


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
