"""`zhinao reason STAGE`: the road to a model that reasons. Each stage is a module, imported when it is chosen."""

import argparse

from zhinao.arguments import Parser, add_verbs

VERBS = {
    "decontaminate": (
        "zhinao.reason.commands.decontaminate",
        "find training prompts that are questions of a benchmark, and leave them out",
        "找出与评测题目重合的训练数据，并去除",
    ),
    "audit": (
        "zhinao.reason.commands.audit",
        "rewards before they train: ways to be paid unearned, and two verifiers compared",
        "训练前审查奖励：投机取巧的写法，以及两个判分器的对照",
    ),
    "rate": (
        "zhinao.reason.commands.rate",
        "how often a model solves each problem, and buckets of difficulty",
        "测算模型对每道题的通过率，并按难度分档",
    ),
    "sample": (
        "zhinao.reason.commands.sample",
        "a model's own right answers as training data (RFT), and pairs of right and wrong ones",
        "以模型自己的正确回答作训练数据（RFT），以及对错成对的数据",
    ),
    "merge": (
        "zhinao.reason.commands.merge",
        "several checkpoints of one shape as one: linear, SLERP, TIES",
        "合并形状相同的多个检查点：线性、SLERP、TIES",
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
