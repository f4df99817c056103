"""Writes the pages of `docs/` that the code already says: `python -m zhinao.generated_docs docs` (or `make docs`).

`cli/` is the help of every verb in both languages, a page each, with the settings of training once; `rooms/` a line for every file.
"""

import argparse
import ast
import contextlib
import os
import sys
from pathlib import Path

from zhinao import lang
from zhinao.arguments import VerbParser, inner_parsers
from zhinao.cli import VERBS, build_parser, verb_parser

MADE = "Made by `make docs`; do not edit. 由 `make docs` 生成，请勿手改。"
BASE = "base"  # the page of the files that lie in no room
SETTINGS = "training-settings.md"
_ALL = "finetune"  # the verb that has the settings of training and nothing else


def pages(docs: Path) -> dict[str, str]:
    """Every generated page, by its path below `docs`, which lies in the project's root."""
    cli = {f"cli/{name}": page for name, page in cli_pages().items()}
    return cli | {f"rooms/{name}": page for name, page in room_pages(docs.parent).items()}


# --- cli/


def cli_pages() -> dict[str, str]:
    """The pages of `cli/` by their names. Their width is fixed so that it does not depend on a terminal."""
    with _terminal(COLUMNS="100", NO_COLOR="1"):
        made = {"README.md": _index(), SETTINGS: _settings_page()}
        made |= {f"{verb}.md": _verb_page(verb) for verb in VERBS}
        lang.choose(None)
    return made


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


def _index() -> str:
    rows = [
        f"| [`zhinao {verb}`]({verb}.md) | {english} | {chinese} |" for verb, (_, english, chinese) in VERBS.items()
    ]
    table = "\n".join(["| | | |", "| --- | --- | --- |", *rows])
    more = f"[The settings of training, which four verbs share · 四条命令共用的训练设置]({SETTINGS})"
    return _page("# `zhinao --help`", MADE, table, more, *_section([]))


def _verb_page(verb: str) -> str:
    parts = [f"# `zhinao {verb}`", MADE]
    every = ([verb], *([verb, inner] for inner in inner_parsers(_parser([verb]))))
    if any(_is_training(_parser(words)) for words in every):
        link = f"({SETTINGS})"
        parts += [f"Besides these: [the settings of training]{link}. 此外还有[训练设置]{link}。"]
    for words in every:
        parts += _section(words)
    return _page(*parts)


def _settings_page() -> str:
    """What `zhinao finetune` can be told: groups of flags, without the usage and what every verb has."""
    verbs = " · ".join(f"[`{verb}`]({verb}.md)" for verb in VERBS if _is_training(_parser([verb])))
    parts = ["# The settings of training · 训练设置", MADE]
    parts += [f"Flags, and keys of a recipe in YAML, of {verbs}. 既是命令行参数，也是 YAML 配方里的键。"]
    for language in ("en", "zh"):
        lang.choose(language)
        parser = _parser([_ALL])
        parser.usage, parser.description = argparse.SUPPRESS, None
        _leave_out(parser, {action.dest for action in parser._actions} - _settings())
        parts.append(_block(parser))
    return _page(*parts)


def _section(words: list[str]) -> list[str]:
    """The heading and the help of the whole command, of a verb, or of a verb inside a verb, in both languages."""
    parts = [f"## `{' '.join(['zhinao', *words])}`"]
    for language in ("en", "zh"):
        lang.choose(language)
        parser = _parser(words)
        if _is_training(parser):
            _leave_out(parser, _settings() & _told_alike(parser, _parser([_ALL])))
        parts.append(_block(parser))
    return parts


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = build_parser(*words[:1])
    for number, word in enumerate(words):
        parser = inner_parsers(parser)[word] if number else verb_parser(parser, word)
    if isinstance(parser, VerbParser):
        parser.fill()  # it gets its arguments when it is used
    return parser


def _is_training(parser: argparse.ArgumentParser) -> bool:
    return any(action.dest == "training_argument" for action in parser._actions)


def _settings() -> set[str]:
    """Names of what is a setting of training: what `zhinao finetune` has beside what every verb has."""
    return {action.dest for action in _parser([_ALL])._actions} - {"help", "lang", "config"}


def _told_alike(parser: argparse.ArgumentParser, other: argparse.ArgumentParser) -> set[str]:
    """Names of the flags that say the same in both; `prefer` has other defaults and choices for some."""
    told = {action.dest: (action.help, action.choices, action.nargs) for action in other._actions}
    return {one.dest for one in parser._actions if told.get(one.dest) == (one.help, one.choices, one.nargs)}


def _leave_out(parser: argparse.ArgumentParser, names: set[str]) -> None:
    for kept in (parser._actions, *(group._group_actions for group in parser._action_groups)):
        kept[:] = [action for action in kept if action.dest not in names]


def _block(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help().strip()}\n```"


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


# --- rooms/


def room_pages(root: Path) -> dict[str, str]:
    """The pages of `rooms/` by their names: a line for every file of a room that says what it does, shelf by shelf."""
    source = root / "src" / "zhinao"
    rooms = [folder for folder in sorted(source.iterdir()) if (folder / "__init__.py").is_file()]
    rooms += [folder for folder in sorted(root.glob("contract/*")) if (folder / "__init__.py").is_file()]
    base = _page(f"# `{BASE}`", MADE, _files(source))
    return {f"{BASE}.md": base} | {f"{folder.name}.md": _room_page(folder, root) for folder in rooms}


def _room_page(room: Path, root: Path) -> str:
    shelves = sorted({file.parent for file in room.rglob("*.py")})
    parts = [f"# `{room.relative_to(root)}/`", MADE]
    for shelf in shelves:
        parts += [f"## `{shelf.relative_to(room)}/`"] if shelf != room else []
        parts += [part for part in (_said(shelf / "__init__.py"), _files(shelf)) if part]
    return _page(*parts)


def _files(shelf: Path) -> str:
    said = {file.name: _said(file) for file in sorted(shelf.glob("*.py")) if file.name != "__init__.py"}
    rows = [f"| `{name}` | {text.replace('|', '·')} |" for name, text in said.items() if text]
    return "\n".join(["| file | what it does |", "| --- | --- |", *rows]) if rows else ""


def _said(file: Path) -> str:
    """The first line of its docstring; all of the first paragraph where the line does not end a sentence."""
    doc = (file.is_file() and ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))) or ""
    paragraph = doc.split("\n\n")[0].splitlines()
    whole = bool(paragraph) and paragraph[0].endswith((".", ")", ":", "`"))
    return paragraph[0] if whole else " ".join(paragraph)


def write(docs: Path) -> None:
    """Renew all of it; a page that nothing makes any more goes."""
    made = pages(docs)
    for folder in ("cli", "rooms"):
        (docs / folder).mkdir(exist_ok=True)
        for old in (docs / folder).glob("*.md"):
            if f"{folder}/{old.name}" not in made:
                old.unlink()
    for name, page in made.items():
        (docs / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
