"""`zhinao data VERB`: seeing, checking and converting training data. Each verb is a module, imported when it is chosen."""

import argparse

from zhinao.arguments import Parser, add_verbs

VERBS = {
    "check": (
        "zhinao.data.check.command",
        "find what is wrong with training data before a run does, and repair what can be",
        "在训练之前找出数据中的问题，并修复可修复的部分",
    ),
    "convert": (
        "zhinao.data.commands.convert",
        "write training data in another format, losing nothing",
        "转换训练数据的格式，不丢失任何内容",
    ),
    "split": (
        "zhinao.data.commands.split",
        "hold out a part for evaluation, duplicates on one side",
        "留出验证集，重复的提问只在一侧",
    ),
    "view": (
        "zhinao.data.view.command",
        "show every token as the trainer sees it: learned, only read, or cut",
        "逐 token 查看训练时的样子：学习、只读或截断",
    ),
    "stats": (
        "zhinao.data.stats.command",
        "count samples, tokens, turns and languages, and how well they pack",
        "统计样本、token、轮次、语言与拼接效率",
    ),
}


def add_arguments(parser: Parser) -> None:
    add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int | None:
    return args.run(args)
