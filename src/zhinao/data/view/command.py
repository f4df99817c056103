"""`zhinao data view`: arguments in, coloured tokens out. What is shown is made in `rows.py`."""

import argparse
import re
from pathlib import Path

from zhinao.data.commands import arguments, tokenizer_of
from zhinao.data.words import translated
from zhinao.errors import UsageError
from zhinao.lang import counted, tr

_NUM_SHOWN = {"terminal": 3, "html": 50}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_sources(parser)
    add = parser.add_argument
    add(
        "--sample",
        metavar="N",
        help=translated(
            "which samples, counted from 1 over all sources: 7, 3-9, 1,4,8- (default: the first 3; with --html the first 50)"
        ),
    )
    add("--html", metavar="FILE", type=Path, help=translated("write one page that needs nothing else"))
    arguments.add_truth(
        parser,
        "is_concat",
        False,
        tr(
            "pack the shown samples into rows of --model_max_length, as training does", "按训练的方式把所选样本拼接成行"
        ),
    )
    add(
        "--seed",
        type=int,
        default=42,
        metavar="N",
        help=translated("of the packing (default: 42)"),
    )
    arguments.add_encoding(parser)
    tokenizer_of.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from zhinao.data.read.reading import say
    from zhinao.data.view import page, rows, terminal
    from zhinao.data.visible import console, visible

    wanted = numbers(args.sample or f"1-{_NUM_SHOWN['html' if args.html else 'terminal']}")
    reader = tokenizer_of.read(args)
    limit = arguments.limit(args, reader.num_context)
    items, found = _chosen(args, wanted, is_exact=args.sample is not None)
    view = rows.view(items, reader.tokenizer, arguments.choices(args), limit, args.is_concat, args.seed)
    if args.html:
        page.write(args.html, view, reader.name)
        print(terminal.totals(view))
        print(args.html)
    else:
        terminal.show(view, console())
    for file in filter(lambda file: file.not_kept, found):
        say(visible(str(file)))
        say(file.not_kept)


def numbers(text: str) -> list[range]:
    """`1,4,8-` as ranges, the last one without an end. Raises UsageError."""
    result = []
    for word in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:(-)\s*(\d*))?\s*", word)
        first, last = (int(match[1]), int(match[3] or (0 if match[2] else match[1]))) if match else (0, 0)
        last = last if match is None or match[3] or not match[2] else 2**62
        if first < 1 or last < first:
            raise UsageError(
                tr(f"--sample: {word!r} is no number of a sample.", f"--sample：{word!r} 不是样本编号。"),
                "--sample 3-9",
            )
        result.append(range(first, last + 1))
    return result


def _chosen(args, wanted: list[range], is_exact: bool) -> tuple[list[tuple[int, object]], list]:
    """The items with these numbers, and what the files were found to be so far. Reading ends with the last of them."""
    from zhinao.data.read.read import read
    from zhinao.data.sample import DataError

    last, items, found, number = max(r.stop for r in wanted) - 1, [], [], 0
    every = read(arguments.sources(args), format=args.format, on_file=found.append)
    for number, item in enumerate(every, start=1):
        if any(number in one for one in wanted):
            items.append((number, item))
        if number >= last:
            break
    if not items or (is_exact and last < 2**62 and number < last):
        what = tr(
            f"There {'is' if number == 1 else 'are'} {counted(number, 'sample')}, not {last}.",
            f"只有 {number} 个样本，没有第 {last} 个。",
        )
        raise DataError(what if number else tr("There is no sample in it.", "没有任何样本。"), ", ".join(args.sources))
    return items, found
