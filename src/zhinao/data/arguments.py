"""Flags that the verbs of `zhinao data` share: which data, what is trained of it, how long it may be. Names as in training."""

import argparse

from zhinao.data.how import THOUGHTS, TRAIN_ON, How
from zhinao.errors import UsageError
from zhinao.lang import tr

OVERLONG = ("split", "drop", "left", "error")


def add_sources(parser) -> None:
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help=tr("files, folders, globs, or - for standard input", "文件、目录、通配符，或 - 表示标准输入"),
    )


def add_encoding(parser) -> None:
    """What `how` and `limit` read."""
    group = parser.add_argument_group(
        tr("what will be trained (as in `zhinao finetune`)", "训练设置（同 `zhinao finetune`）")
    )
    group.add_argument(
        "--train_on",
        "--train-on",
        choices=TRAIN_ON,
        default=How().train_on,
        help=tr(
            "answers of all turns, or of the last one (default: all)",
            "训练所有轮次的回答，或只训练最后一轮（默认 all）",
        ),
    )
    group.add_argument(
        "--thoughts",
        choices=THOUGHTS,
        default=How().thoughts,
        help=tr(
            "thoughts of earlier turns: each turn as it was served, without thoughts, or the last turn only (default: %(default)s)",
            "此前轮次的思考：按服务时的样子、去掉思考、或只取最后一轮（默认 %(default)s）",
        ),
    )
    group.add_argument(
        "--model_max_length",
        "--model-max-length",
        type=int,
        metavar="N",
        help=tr(
            "most tokens of one sample (default: the model's context)", "单个样本的 token 上限（默认为模型上下文长度）"
        ),
    )
    group.add_argument(
        "--overlong",
        choices=OVERLONG,
        default="error",
        help=tr(
            "what happens to longer ones: split between turns, drop, keep what fits from the left, or stop (default: error)",
            "超长样本：按轮次拆分、丢弃、保留左侧，或报错（默认 error）",
        ),
    )


def how(args: argparse.Namespace) -> How:
    return How(train_on=args.train_on, thoughts=args.thoughts)


def limit(args: argparse.Namespace, num_context: int | None) -> int | None:
    """Most tokens of one document; None where neither flag nor model says so. Raises UsageError."""
    if args.model_max_length is not None and args.model_max_length < 2:
        raise UsageError(
            tr(
                f"--model_max_length is {args.model_max_length}; it must be at least 2.",
                f"--model_max_length 为 {args.model_max_length}，至少应为 2。",
            )
        )
    return args.model_max_length or num_context
