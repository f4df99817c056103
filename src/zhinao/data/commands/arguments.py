"""Flags that the verbs of `zhinao data` share: which data, what is trained of it, how long it may be. Names as in training."""

import argparse
from typing import TYPE_CHECKING

from zhinao import config
from zhinao.data.encode.choices import OVERLONG, REJECTED, THOUGHTS, TRAIN_ON, Choices
from zhinao.data.read.read import FORMAT_NAMES
from zhinao.data.words import translated
from zhinao.lang import tr

if TYPE_CHECKING:
    from zhinao.data.encode.overlong import Limit


def add_sources(parser) -> None:
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help=translated(
            "files, folders, globs, or - for standard input; a weight behind it (a.jsonl:0.3) changes nothing here"
        ),
    )
    add_format(parser)


def add_format(parser) -> None:
    parser.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        help=translated("format of the sources (default: by their content)"),
    )


def add_set(parser, help: str) -> None:
    """Pairs for `substitute.parse`."""
    parser.add_argument("--set", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=help)


def add_encoding(parser) -> None:
    """What `choices` and `limit` read."""
    group = parser.add_argument_group(translated("what will be trained (as in `zhinao finetune`)"))
    group.add_argument(
        "--train_on",
        "--train-on",
        choices=TRAIN_ON,
        default=Choices().train_on,
        help=translated("answers of all turns, or of the last one (default: all)"),
    )
    group.add_argument(
        "--thoughts",
        choices=THOUGHTS,
        default=Choices().thoughts,
        help=translated(
            "thoughts of earlier turns: each turn as it was served, without thoughts, or the last turn only (default: %(default)s)"
        ),
    )
    add_truth(
        group,
        "train_thoughts",
        True,
        tr("learn the tokens of thoughts (default: True)", "训练思考部分的 token（默认 True）"),
    )
    group.add_argument(
        "--rejected",
        choices=REJECTED,
        default=Choices().rejected,
        help=translated(
            "samples marked as bad answers (label, kto_tag, desirable: false; is_rejected: true): an error, left out, or learned all the same "
            "(default: error)"
        ),
    )
    group.add_argument(
        "--model_max_length",
        "--model-max-length",
        type=int,
        metavar="N",
        help=translated("most tokens of one sample (default: the model's context)"),
    )
    group.add_argument(
        "--overlong",
        choices=OVERLONG,
        default="error",
        help=translated(
            "longer ones: refuse too many of them, split between turns, drop, or take away the oldest part (default: error)"
        ),
    )
    group.add_argument(
        "--max_overlong_share",
        "--max-overlong-share",
        type=float,
        default=0.01,
        metavar="X",
        help=translated("share of longer ones that `error` lets pass (default: 0.01)"),
    )


def add_workers(parser) -> None:
    parser.add_argument(
        "--preprocessing_num_workers",
        "--preprocessing-num-workers",
        type=int,
        metavar="N",
        help=translated("processes (default: one a core)"),
    )


def add_truth(parser, name: str, default: bool, help: str) -> None:
    """A flag that may stand alone or with True / False behind it, as in the publisher's script."""
    parser.add_argument(
        f"--{name}",
        f"--{name.replace('_', '-')}",
        nargs="?",
        const=True,
        type=config.truth,
        default=default,
        metavar="True|False",
        help=help,
    )


def sources(args: argparse.Namespace) -> list[str]:
    """The sources without weights: `a.jsonl:0.3`, as training takes it, is looked at whole."""
    from zhinao.data.store import mix

    return mix.entries(args.sources)[0]


def choices(args: argparse.Namespace) -> Choices:
    return Choices(args.train_on, args.thoughts, args.train_thoughts, args.rejected)


def limit(args: argparse.Namespace, num_context: int | None) -> "Limit | None":
    """The most tokens of one document, and the policy; None where neither flag nor model says so. Raises UsageError."""
    from zhinao.data.encode.overlong import Limit

    num_tokens = args.model_max_length if args.model_max_length is not None else num_context
    return None if num_tokens is None else Limit(num_tokens, args.overlong)
