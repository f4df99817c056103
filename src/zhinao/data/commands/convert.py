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
from zhinao.lang import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help=tr("files, folders, globs, or - for standard input", "文件、目录、通配符，或 - 表示标准输入"),
    )
    add(
        "--to",
        choices=tuple(formats.FORMATS),
        help=tr("format to write (default: by kind, messages for chats)", "目标格式（默认按类别，对话为 messages）"),
    )
    add(
        "--output",
        "-o",
        metavar="FILE",
        type=Path,
        required=True,
        help=tr(
            ".jsonl, .json or .txt, also with .gz; - for standard output",
            ".jsonl、.json、.txt，可加 .gz；- 表示标准输出",
        ),
    )
    arguments.add_format(parser)
    arguments.add_set(parser, tr("what {{NAME}} becomes in the texts", "替换文本中的 {{NAME}}"))
    add(
        "--skip-faults",
        action="store_true",
        help=tr("leave out what cannot be read or held, and say so", "略过无法读取或保存的条目并列出"),
    )
    add("--force", action="store_true", help=tr("replace FILE", "覆盖已有文件"))


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
