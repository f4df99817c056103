"""`zhinao data split SOURCE… --eval 0.05 --output DIR`: a part held out for evaluation, the same whatever the order of the data.

Samples with the same first prompt (or the same text) stay on one side (`holdout.py`).
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from zhinao.data.commands import arguments
from zhinao.data.commands.output import check_target, writing
from zhinao.data.holdout import group, held_out, key, num_held
from zhinao.data.read import formats
from zhinao.data.read.reading import Faults, reading, say, say_found
from zhinao.data.read.sources import STDIN
from zhinao.data.sample import DataError, Sample
from zhinao.data.words import translated
from zhinao.errors import UsageError
from zhinao.lang import tr

FILES = ("train.jsonl", "eval.jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help=translated("files, folders, globs"))
    add(
        "--eval",
        metavar="SHARE|N",
        default="0.05",
        help=translated("how much to hold out: a share below 1, or a number of samples (default: %(default)s)"),
    )
    add("--seed", type=int, default=42, help=translated("which ones (default: %(default)s)"))
    add(
        "--output",
        "-o",
        metavar="DIR",
        type=Path,
        required=True,
        help=translated("folder for train.jsonl and eval.jsonl"),
    )
    arguments.add_format(parser)
    add(
        "--skip-faults",
        action="store_true",
        help=translated("leave out what cannot be read, and say so"),
    )
    add("--force", action="store_true", help=translated("replace the two files"))


def run(args: argparse.Namespace) -> int:
    wanted = parse_eval(args.eval)
    if STDIN in args.sources:
        what = tr("standard input cannot be read twice.", "标准输入不能读两遍。")
        raise UsageError(what, tr("save it in a file first", "请先保存为文件"))
    targets = [args.output / name for name in FILES]
    for target in targets:
        check_target(target, args.force)
    faults = Faults()
    with reading(args.sources, format=args.format) as (items, found):
        keys = [key(group(sample), args.seed) for sample in of_one_kind(faults.taken_out(items))]
    faults.finish(args.skip_faults)
    num_wanted = num_held(wanted, len(keys))
    nums = _write(args, targets, held_out(keys, num_wanted))
    say_found(found, faults)
    if nums[1] != num_wanted:
        say(
            tr(
                f"{nums[1]:,} held out, not {num_wanted:,}: samples with the same first prompt stay together",
                f"留出 {nums[1]:,} 条而非 {num_wanted:,} 条：首个提问相同的样本不拆开",
            )
        )
    for target, num in zip(targets, nums, strict=True):
        say(tr(f"{target}: {num:,} written", f"{target}：写入 {num:,} 条"))
    return 0


def _write(args: argparse.Namespace, targets: list[Path], held: set[bytes]) -> list[int]:
    """Reads the sources a second time; both files appear when both are whole. How many samples each got."""
    nums = [0, 0]
    with (
        reading(args.sources, format=args.format) as (items, _),
        writing(targets[0]) as to_train,
        writing(targets[1]) as to_eval,
    ):
        for sample in items:
            if isinstance(sample, Sample):
                side = key(group(sample), args.seed) in held
                (to_train, to_eval)[side](formats.write(sample, formats.NATIVE[sample.kind]))
                nums[side] += 1
    return nums


def of_one_kind(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples. Raises DataError at the first of another kind: one file could not hold both."""
    kind = None
    for sample in samples:
        kind = kind or sample.kind
        if sample.kind != kind:
            what = tr(f"is a sample of kind {sample.kind}, after {kind}", f"是 {sample.kind} 类样本，而前面是 {kind}")
            raise DataError(f"{sample.place}: {what}.", tr("split each kind by itself", "请按类别分别拆分"))
        yield sample


def parse_eval(text: str) -> float:
    """A share between 0 and 1, or a whole number from 1. Raises UsageError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if 0 < value < 1 or (value >= 1 and value == int(value)):
        return value
    raise UsageError(
        tr(
            f"--eval {text}: neither a share below 1 nor a number of samples.",
            f"--eval {text}：既不是小于 1 的比例，也不是样本数。",
        ),
        "--eval 0.05",
    )
