"""The run of `zhinao data check`: read, look, count, repair. Prints nothing; says nothing but a bar on the terminal."""

import argparse
import contextlib
from collections.abc import Callable, Iterator

from zhinao import outfile
from zhinao.data.check import inspection
from zhinao.data.check.finding import Finding
from zhinao.data.check.fix import Fixer, Repairs
from zhinao.data.check.report import Report
from zhinao.data.commands import arguments
from zhinao.data.commands.output import check_target, writing
from zhinao.data.commands.tokenizer_of import Reader
from zhinao.data.encode.substitute import parse
from zhinao.data.read.reading import reading
from zhinao.data.sample import DataError, Sample
from zhinao.lang import counted, tr


def check(args: argparse.Namespace, reader: Reader, ignored: frozenset[str]) -> tuple[Report, Repairs | None]:
    """Look at every item once. With `--fix` the copy is written meanwhile and takes its name at the end."""
    inspector = inspection.Inspector(reader.folder, arguments.choices(args), arguments.limit(args, reader.num_context))
    report = Report(ignored)

    def remaining(sample: Sample) -> list[Finding]:
        return [f for f in inspector.inspect(sample).findings if f.level == "error" and f.code not in ignored]

    with (
        _fixer(args, remaining) as (fix, repairs),
        reading(arguments.sources(args), format=args.format) as (items, report.found),
    ):
        for item, seen in inspection.inspect_all(items, inspector, args.preprocessing_num_workers):
            report.add(seen)
            fix(item)
        if not report.num_samples:
            raise DataError(tr("There is no sample in it.", "没有任何样本。"), ", ".join(args.sources))
        report.finish(_too_many(report, args))
    return report, repairs


def judge(report: Report, repairs: Repairs | None, is_strict: bool) -> None:
    """Raises DataError where what was found is not to be trained on; with `--fix`, where something had to be left out."""
    if repairs:
        if num_lost := repairs.counts["left-out"]:
            raise DataError(
                tr(
                    f"{counted(num_lost, 'sample')} could not be repaired; the copy is without.",
                    f"{num_lost:,} 个样本无法修复，未写入副本。",
                ),
                tr(f"{repairs.diff} says why", f"原因见 {repairs.diff}"),
            )
        return
    num_errors, num_warnings = report.num_of("error"), report.num_of("warning")
    if num_errors or (is_strict and num_warnings):
        raise DataError(
            tr(
                f"{counted(num_errors, 'error')} and {counted(num_warnings, 'warning')} in {counted(report.num_samples, 'sample')}.",
                f"{report.num_samples:,} 个样本中有 {num_errors:,} 个错误、{num_warnings:,} 个警告。",
            ),
            _advice(report),
        )


def _advice(report: Report) -> str:
    """Placeholders are to be filled in: without values `--fix` could only leave such samples out."""
    if "placeholder-learned" in report.kinds:
        return tr(
            "`--fix OUTPUT --set NAME=VALUE …` writes a copy with the placeholders filled in (training takes `--set` too)",
            "`--fix OUTPUT --set NAME=VALUE …` 填入占位符并写出副本（训练时也可用 `--set`）",
        )
    return tr("`--fix OUTPUT` writes a repaired copy", "`--fix OUTPUT` 可写出修复后的副本")


def _too_many(report: Report, args) -> list[Finding]:
    """Under the policy `error`, more overlong samples than the share that is let pass."""
    num = report.kinds["overlong"].num_samples if "overlong" in report.kinds else 0
    share = num / report.num_samples
    if args.overlong != "error" or share <= args.max_overlong_share:
        return []
    return [Finding("too-many-overlong", "", f"{share:.1%} > {args.max_overlong_share:.1%}")]


@contextlib.contextmanager
def _fixer(args, remaining) -> Iterator[tuple[Callable, Repairs | None]]:
    """`fix(item)` for each item, and what it has done; without `--fix` it does nothing."""
    values = parse(args.set)
    if not args.fix:
        yield lambda item: None, None
        return
    check_target(args.fix, args.force)
    repairs = Repairs(args.fix)
    with writing(args.fix) as write, outfile.atomic_text(repairs.diff) as diff:
        yield Fixer(repairs, write, diff, remaining, values).take, repairs
