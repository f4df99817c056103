"""`zhinao reason sample DATA MODEL --out FILE`: a model's own right answers as training data (RFT), and pairs for preferences."""

import argparse
from pathlib import Path

from zhinao.lang import tr
from zhinao.reason.commands import drawing
from zhinao.reason.words import translated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    drawing.add_arguments(parser)
    add = parser.add_argument
    add(
        "--keep",
        choices=("shortest", "first", "all"),
        default="shortest",
        help=translated("which right answers of a problem (default: %(default)s)"),
    )
    add(
        "--max-per-problem",
        type=int,
        default=0,
        metavar="N",
        help=translated("most answers of a problem (default: one; with --keep all every one)"),
    )
    add(
        "--pairs",
        metavar="FILE",
        type=Path,
        help=translated("also write pairs of right and wrong answers, for `zhinao prefer`"),
    )


def run(args: argparse.Namespace) -> int:
    from zhinao.data.commands.output import writing
    from zhinao.reason import sample

    found = drawing.drawn(args, args.out, *([args.pairs] if args.pairs else []))
    chosen = [(problem, sample.kept(draws, args.keep, args.max_per_problem), draws) for problem, draws in found]
    with writing(args.out) as write:
        for problem, right, _ in chosen:
            for one in right:
                write(sample.conversation(problem, one))
    num, num_solved = sum(len(right) for _, right, _ in chosen), sum(bool(right) for _, right, _ in chosen)
    print(
        tr(
            f"{args.out}: {num:,} right answers to {num_solved:,} of {len(found):,} problems",
            f"{args.out}：{len(found):,} 题中 {num_solved:,} 题，共 {num:,} 个正确回答",
        )
    )
    if args.pairs:
        pairs = [pair for problem, right, draws in chosen for pair in sample.pairs(problem, right, sample.wrong(draws))]
        with writing(args.pairs) as write:
            for pair in pairs:
                write(pair)
        print(tr(f"{args.pairs}: {len(pairs):,} pairs", f"{args.pairs}：{len(pairs):,} 对"))
    return 0
