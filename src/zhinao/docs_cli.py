"""Writes the help of every verb, in both languages, as one Markdown page: `python -m zhinao.docs_cli docs/cli.md`."""

import os
import sys
from pathlib import Path

from zhinao import lang
from zhinao.cli import VERBS, build_parser, verb_parser


def page() -> str:
    """The whole page. Its width is fixed so that it does not depend on a terminal."""
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


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
