"""`zhinao reason rate DATA MODEL -k 4 --out FILE`: how often a model solves each problem."""

import argparse

from zhinao.lang import tr
from zhinao.reason.commands import drawing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    drawing.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from zhinao.data.commands.output import writing
    from zhinao.reason import rate

    records = [rate.rated(problem, draws) for problem, draws in drawing.drawn(args, args.out)]
    with writing(args.out) as write:
        for record in records:
            write(record)
    mean = sum(record["pass_rate"] for record in records) / len(records)
    print(
        tr(
            f"{args.out}: {len(records):,} problems, {mean:.1%} solved",
            f"{args.out}：{len(records):,} 题，通过率 {mean:.1%}",
        )
    )
    print("  " + ", ".join(f"{name} {num:,}" for name, num in rate.counts(records).items()))
    if num := sum(record["num_not_told"] for record in records):
        print(tr(f"  {num:,} answers could not be judged and count as wrong", f"  {num:,} 个回答无法判定，按错误计"))
    return 0
