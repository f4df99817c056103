"""`zhinao data stats`: arguments in, counts out. What is counted is in `report.py`."""

import argparse
from pathlib import Path

from zhinao.data.commands import arguments, tokenizer_of
from zhinao.data.words import translated
from zhinao.errors import UsageError
from zhinao.lang import tr

_LIMITS = "2048,4096,8192,16384,32768"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_sources(parser)
    parser.add_argument(
        "--limits",
        metavar="N,N",
        default=_LIMITS,
        help=translated("lengths of rows to try packing with (default: %(default)s)"),
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=42,
        metavar="N",
        help=translated("of the packing (default: 42)"),
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help=translated("write the numbers as JSON"))
    arguments.add_encoding(parser)
    arguments.add_workers(parser)
    tokenizer_of.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from zhinao.data.check.inspection import Inspector, inspect_all
    from zhinao.data.read.reading import reading
    from zhinao.data.sample import DataError
    from zhinao.data.stats import report
    from zhinao.data.stats.report import Count

    capacities = limits(args.limits)
    reader = tokenizer_of.read(args)
    inspector = Inspector(reader.folder, arguments.choices(args), arguments.limit(args, reader.num_context))
    count = Count()
    with reading(arguments.sources(args), format=args.format) as (items, found):
        for _, seen in inspect_all(items, inspector, args.preprocessing_num_workers):
            count.add(seen)
    if not count.total.num_samples:
        raise DataError(tr("There is no sample in it.", "没有任何样本。"), ", ".join(args.sources))
    packings = [count.packing(capacity, args.seed) for capacity in capacities]
    report.show(count, packings, found, reader)
    if args.json:
        report.write(args.json, count, packings, found, reader)


def limits(text: str) -> list[int]:
    """`2048,4096` as numbers. Raises UsageError."""
    numbers = [int(word) if word.strip().isdecimal() else 0 for word in text.split(",")]
    if min(numbers) < 2:
        raise UsageError(
            tr(f"--limits: {text!r} are no lengths.", f"--limits：{text!r} 不是长度列表。"), f"--limits {_LIMITS}"
        )
    return numbers
