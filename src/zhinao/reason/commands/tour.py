"""`zhinao tour`: the whole road to a model that reasons, with a tiny one, on this machine."""

import argparse
from pathlib import Path

from zhinao.reason.words import translated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help=translated("folder for the models and the page"))
    add("--short", action="store_true", help=translated("a shorter tour, of less than three minutes"))
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help=translated("of everything that is drawn (default: %(default)s)"),
    )


def run(args: argparse.Namespace) -> None:
    from zhinao.reason.tour import tour

    tour.run(args.out, is_short=args.short, seed=args.seed)
