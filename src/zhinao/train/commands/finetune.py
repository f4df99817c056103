"""`zhinao finetune`: supervised fine-tuning on conversations and completions."""

import argparse

from zhinao.train.settings import flags
from zhinao.train.settings.settings import TrainSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add_arguments(parser, TrainSettings)


def run(args: argparse.Namespace) -> int:
    settings = flags.settings_of(args, TrainSettings)
    settings.check()  # before torch is imported
    from zhinao.train.method.supervised import train

    return train(settings).exit_code
