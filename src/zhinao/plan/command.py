"""`zhinao plan [CONFIG] [FLAGS of finetune]`: memory and time of a run before it is started.

Exit code 0 where it fits, 14 where it does not.
"""

import argparse
import math

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.plan.words import translated
from zhinao.train.settings import flags
from zhinao.train.settings.settings import TrainSettings

DOES_NOT_FIT = 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from zhinao.plan.devices import NAMES

    flags.add_arguments(parser, TrainSettings)
    group = parser.add_argument_group(translated("plan"))
    group.add_argument(
        "--gpu",
        metavar="NAME",
        choices=NAMES,
        help=tr(
            f"the device: {', '.join(NAMES)} (default: this machine's GPU, else h100)",
            f"设备：{'、'.join(NAMES)}（默认本机 GPU，否则 h100）",
        ),
    )
    group.add_argument(
        "--num_gpus", "--num-gpus", type=int, metavar="N", help=translated("how many of them (default 1)")
    )
    group.add_argument(
        "--tokens_per_second",
        "--tokens-per-second",
        type=float,
        metavar="X",
        help=translated("speed of all devices together, where you know it (default: estimated)"),
    )
    group.add_argument(
        "--tokenizer",
        metavar="MODEL",
        help=translated("count tokens with this one's instead of the model's"),
    )
    group.add_argument(
        "--measure",
        action="store_true",
        help=translated("run three steps on the heaviest batch on this machine, and correct the estimate"),
    )
    group.add_argument("--json", action="store_true", help=translated("print JSON"))


def run(args: argparse.Namespace) -> int:
    from zhinao.plan import report

    result = report.make(_settings(args), args)
    if args.json:
        print(outfile.json_text(result.as_dict(), indent=2))
    else:
        from zhinao.plan import show

        show.report(result)
    return 0 if result.plan.fits else DOES_NOT_FIT


def _settings(args: argparse.Namespace) -> TrainSettings:
    """As for `finetune`; what only a run needs (a place for its output, even data) may be missing."""
    import dataclasses

    settings = flags.settings_of(args, TrainSettings)
    if not settings.model_name_or_path:
        raise UsageError(
            tr("--model_name_or_path is missing.", "缺少 --model_name_or_path。"), "--model_name_or_path 7b"
        )
    absent = {} if settings.data_path else {"data_path": ("-",), "data_weights": None}
    dataclasses.replace(settings, output_dir=settings.output_dir or "-", **absent).check()
    for name, value in (("num_gpus", args.num_gpus), ("tokens_per_second", args.tokens_per_second)):
        if value is not None and (value < 1 if name == "num_gpus" else not 0 < value < math.inf):
            raise UsageError(tr(f"--{name} is {value}.", f"--{name} 为 {value}。"))
    return settings
