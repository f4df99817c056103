"""`zhinao reason decontaminate DATA… --out REPORT`: which training prompts are questions of a benchmark."""

import argparse
import sys
from pathlib import Path

from zhinao.data.read.read import FORMAT_NAMES
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.reason.words import translated

_SHARE = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("sources", metavar="DATA", nargs="+", help=translated("training data: files, folders or globs"))
    add(
        "--against",
        metavar="TASK|PATH",
        nargs="+",
        default=[],
        help=translated(
            "tasks of `zhinao eval`, files or folders of texts (default: every task whose files are there)"
        ),
    )
    add("--data", metavar="DIR", type=Path, help=translated("folder with the benchmarks' files"))
    add(
        "--out",
        "-o",
        metavar="REPORT",
        type=Path,
        required=True,
        help=translated("report to write (.json); a page (.html) is written beside it"),
    )
    add("--clean", metavar="FILE", type=Path, help=translated("write what is no benchmark's here, as it came"))
    add(
        "--share",
        metavar="X",
        type=float,
        default=_SHARE,
        help=translated("share of a question's n-grams that makes a prompt that question (default: %(default)s)"),
    )
    add("--format", choices=FORMAT_NAMES, help=translated("format of the data, where it is ambiguous"))
    add("--force", action="store_true", help=translated("replace what is there"))


def run(args: argparse.Namespace) -> int:
    from zhinao.reason.decontaminate import benchmarks, report
    from zhinao.reason.decontaminate.index import Index
    from zhinao.reason.decontaminate.search import search

    _check(args)
    named = [name for one in args.against for name in ([one] if Path(one).exists() else one.split(","))]
    questions, missing = benchmarks.of(named, args.data)
    outcome = search(args.sources, Index(questions, args.share), args.clean, args.format)
    found = report.record(outcome, questions, missing, args.share)
    page = report.write(args.out, found)
    print(report.sentence(found))
    for name, how in outcome.by_benchmark.items():
        print(f"  {name}: " + ", ".join(f"{kind} {num:,}" for kind, num in how.items()))
    if outcome.clean:
        print(
            tr(
                f"clean copy: {args.clean} ({outcome.clean[2]:,})",
                f"清理后的数据：{args.clean}（{outcome.clean[2]:,} 条）",
            )
        )
    print(page, file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raises UsageError before anything is read."""
    from zhinao.data.commands.output import check_target

    if args.out.suffix != ".json":
        raise UsageError(tr(f"--out {args.out}: the name must end in .json.", f"--out {args.out}：须以 .json 结尾。"))
    if not 0 < args.share <= 1:
        raise UsageError(tr("--share must be above 0 and at most 1.", "--share 须大于 0，不超过 1。"))
    if args.out.exists() and not args.force:
        raise UsageError(
            tr(f"{args.out}: is there already.", f"{args.out}：已存在。"), tr("--force replaces it", "--force 可覆盖")
        )
    if args.clean:
        check_target(args.clean, args.force)
