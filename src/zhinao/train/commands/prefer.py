"""`zhinao prefer`: preference tuning on pairs of answers, by DPO or NCA."""

import argparse

from zhinao.train.settings import flags
from zhinao.train.settings.prefer import PreferSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add_arguments(parser, PreferSettings)


def run(args: argparse.Namespace) -> int:
    settings = flags.settings_of(args, PreferSettings)
    settings.check()  # before torch is imported
    from zhinao.train.method.preference import prefer

    return prefer(settings).exit_code
