"""`zhinao reason grpo`: reinforcement learning on prompts with known answers."""

import argparse

from zhinao.train.settings import flags
from zhinao.train.settings.reinforce import ReinforceSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add_arguments(parser, ReinforceSettings)


def run(args: argparse.Namespace) -> int:
    settings = flags.settings_of(args, ReinforceSettings)
    settings.check()  # before torch is imported
    from zhinao.train.method.reinforcement import reinforce

    return reinforce(settings).exit_code
