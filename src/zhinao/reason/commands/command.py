"""`zhinao reason STAGE`: the road to a model that reasons. Each stage is a module, imported when it is chosen."""

import argparse

from zhinao.arguments import Parser, add_verbs

VERBS = {
    "decontaminate": (
        "zhinao.reason.commands.decontaminate",
        "find training prompts that are questions of a benchmark, and leave them out",
        "找出与评测题目重合的训练数据，并去除",
    ),
    "grpo": (
        "zhinao.reason.commands.grpo",
        "reinforcement learning: completions drawn, graded, and learned from by GRPO",
        "强化学习：采样、评分，并以 GRPO 学习",
    ),
}


def add_arguments(parser: Parser) -> None:
    add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int | None:
    return args.run(args)
