"""`zhinao data convert SOURCE… --to FORMAT --output FILE`: training data in another format, or as another file. Loses nothing:
what the target cannot hold is an error with its place."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from zhinao.data.commands import arguments
from zhinao.data.commands.output import check_target, writing
from zhinao.data.encode.substitute import parse, placeholders, substitute
from zhinao.data.read import formats
from zhinao.data.read.formats.fields import Misfit
from zhinao.data.read.reading import Faults, reading, say, say_found
from zhinao.data.sample import Fault, Sample
from zhinao.data.words import translated
from zhinao.lang import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help=translated("files, folders, globs, or - for standard input"),
    )
    add(
        "--to",
        choices=tuple(formats.FORMATS),
        help=translated("format to write (default: by kind, messages for chats)"),
    )
    add(
        "--output",
        "-o",
        metavar="FILE",
        type=Path,
        required=True,
        help=translated(".jsonl, .json or .txt, also with .gz; - for standard output"),
    )
    arguments.add_format(parser)
    arguments.add_set(parser, tr("what {{NAME}} becomes in the texts", "替换文本中的 {{NAME}}"))
    add(
        "--skip-faults",
        action="store_true",
        help=translated("leave out what cannot be read or held, and say so"),
    )
    add("--force", action="store_true", help=translated("replace FILE"))


def run(args: argparse.Namespace) -> int:
    values = parse(args.set)
    check_target(args.output, args.force)
    faults = Faults()
    filled: Counter = Counter()
    num_written, target = 0, args.to
    with reading(args.sources, format=args.format) as (items, found), writing(args.output) as write:
        for sample in _filled(faults.taken_out(items), values, filled):
            target = target or formats.NATIVE[sample.kind]  # of the first one, so that the file has one format
            try:
                write(formats.write(sample, target))
                num_written += 1
            except Misfit as misfit:
                faults.add(Fault(sample.place, misfit.field, misfit.message))
        faults.finish(args.skip_faults)
    say_found(found, faults)
    for name in (name for name in values if name not in filled):
        say(tr(f"--set {name}: {{{{{name}}}}} occurs nowhere", f"--set {name}：数据中没有 {{{{{name}}}}}"))
    say(tr(f"{args.output}: {num_written:,} written", f"{args.output}：写入 {num_written:,} 条"))
    return 0


def _filled(samples: Iterable[Sample], values: dict[str, str], counts: Counter) -> Iterator[Sample]:
    """The samples with `values` in them; `counts` how many samples had each."""
    for sample in samples:
        if values:
            counts.update(placeholders(sample) & values.keys())
        yield substitute(sample, values)
