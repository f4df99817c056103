"""`zhinao data VERB`: seeing, checking and converting training data. Each verb is a module, imported when it is chosen."""

import argparse

from zhinao.arguments import Parser, add_verbs

VERBS = {
    "check": (
        "zhinao.data.check",
        "find what is wrong with training data before a run does, and repair what can be",
        "在训练之前找出数据中的问题，并修复可修复的部分",
    ),
    "convert": (
        "zhinao.data.convert",
        "write training data in another format, losing nothing",
        "转换训练数据的格式，不丢失任何内容",
    ),
    "split": (
        "zhinao.data.split",
        "hold out a part for evaluation, duplicates on one side",
        "留出验证集，重复的提问只在一侧",
    ),
}


def add_arguments(parser: Parser) -> None:
    add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int | None:
    return args.run(args)
