"""`zhinao reason audit [ANSWERS]`: rewards probed for ways to be paid unearned, and two verifiers compared on given answers."""

import argparse
import dataclasses
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.reason.words import translated

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "answers",
        metavar="ANSWERS",
        nargs="?",
        type=Path,
        help=translated(
            "JSON lines with output and gold (draws of `rate`, items of `zhinao eval`; is_right where a person has judged)"
        ),
    )
    add(
        "--opens-thought",
        action="store_true",
        help=translated("the prompt had opened the thought, so that outputs begin in it"),
    )
    add("--out", "-o", metavar="REPORT", type=Path, help=translated("report to write (.json)"))
    add("--force", action="store_true", help=translated("replace what is there"))


def run(args: argparse.Namespace) -> int:
    """1 where a reward pays what it should not, or does not pay what it should."""
    if args.out and args.out.exists() and not args.force:
        raise UsageError(
            tr(f"{args.out}: is there already.", f"{args.out}：已存在。"), tr("--force replaces it", "--force 可覆盖")
        )
    from zhinao import files
    from zhinao.reason.audit import answers, probes
    from zhinao.score.rewards import REWARDS

    found = list(probes.run(REWARDS))
    wrong = [one for one in found if one.wrong]
    print(tr(f"{len(found)} probes of rewards, {len(wrong)} failed", f"{len(found)} 项奖励探测，{len(wrong)} 项未通过"))
    for one in found:
        print(
            f"  {'✗ ' + one.wrong if one.wrong else '✓'} {one.reward} {one.paid:g}: {one.probe}"
            if one.paid is not None
            else f"  ? {one.reward}: {one.probe}"
        )
    report: dict = {"probes": [dataclasses.asdict(one) for one in found]}
    if args.answers:
        judged = list(answers.judge(args.answers, args.opens_thought))
        report |= {"answers": answers.summary(judged), "disagreements": [vars(one) for one in judged if one.disagrees]}
        _show(report)
    if args.out:
        files.write_json(args.out, report)
    return 1 if wrong else 0


def _show(report: dict) -> None:
    summary = report["answers"]
    print(
        tr(f"{summary['num_answers']:,} answers, ours / numeric:", f"{summary['num_answers']:,} 个回答，符号 / 数值：")
    )
    for name, num in sorted(summary["symbolic/numeric"].items()):
        print(f"  {name}: {num:,}")
    for name, rate in summary["false_negative_rate"].items():
        if rate is not None:
            print(tr(f"  right by {name} and refused by ours: {rate:.1%}", f"  {name} 判对而我们判错：{rate:.1%}"))
    for one in report["disagreements"][:_SHOWN]:
        print(f"  {one['line']}: gold {one['gold']!r}, … {one['output'][-80:]!r}")
