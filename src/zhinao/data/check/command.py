"""`zhinao data check`: arguments in, findings out. The rules are in `rules.py`, what was found in `report.py`."""

import argparse
from pathlib import Path

from zhinao.data.check.finding import KINDS
from zhinao.data.commands import arguments, tokenizer_of
from zhinao.data.words import translated
from zhinao.errors import UsageError
from zhinao.lang import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_sources(parser)
    add = parser.add_argument
    add("--json", metavar="FILE", type=Path, help=translated("write everything that was found as JSON"))
    add(
        "--strict",
        action="store_true",
        help=translated("exit with 10 for warnings too. Otherwise: 0 where there is no error, 10 where there is"),
    )
    add(
        "--ignore",
        metavar="CODE",
        action="append",
        default=[],
        help=translated("do not look for this (may be given again)"),
    )
    add(
        "--fix",
        metavar="OUTPUT",
        type=Path,
        help=translated("write a repaired copy (.jsonl or .json, also .gz), and OUTPUT.diff beside it"),
    )
    arguments.add_set(parser, tr("with --fix: what {{NAME}} becomes in the texts", "配合 --fix：替换文本中的 {{NAME}}"))
    add("--force", action="store_true", help=translated("with --fix: replace OUTPUT"))
    arguments.add_encoding(parser)
    arguments.add_workers(parser)
    tokenizer_of.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0. Raises DataError (10) where there is an error, or with `--strict` a warning."""
    from zhinao.data.check import run as check_run
    from zhinao.data.check import show

    ignored = _ignored(args.ignore)
    reader = tokenizer_of.read(args)
    report, fixes = check_run.check(args, reader, ignored)
    show.show(report, reader, arguments.limit(args, reader.num_context))
    if fixes:
        show.show_fixes(fixes)
    if args.json:
        show.write(args.json, report, fixes)
    check_run.judge(report, fixes, args.strict)
    return 0


def _ignored(codes: list[str]) -> frozenset[str]:
    from zhinao.config import suggestion

    for code in codes:
        if code not in KINDS:
            raise UsageError(
                tr(f"--ignore: {code!r} is nothing that is looked for.", f"--ignore：没有 {code!r} 这类问题。"),
                suggestion(code, KINDS) or ", ".join(KINDS),
            )
    return frozenset(codes)
