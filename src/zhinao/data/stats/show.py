"""The numbers of `zhinao data stats` as tables and as a JSON file. Counts nothing."""

import dataclasses
import json
from array import array
from pathlib import Path

from rich.table import Table
from rich.text import Text

from zhinao import outfile
from zhinao.data.check.report import quantiles
from zhinao.data.check.show import console
from zhinao.data.read.read import Found
from zhinao.data.stats.report import Count, Group, Packing, histogram
from zhinao.data.tokenizer_of import Reader
from zhinao.data.visible import visible
from zhinao.lang import tr

_WIDTH = 40


def show(count: Count, packings: list[Packing], found: list[Found], reader: Reader) -> None:
    out = console()
    for one in found:
        out.print(visible(str(one)))
        if one.not_kept:
            out.print(one.not_kept)
    out.print(_sources(count))
    out.print(tr(f"Lengths in tokens ({reader.name})", f"长度，以 token 计（{reader.name}）"), style="bold")
    out.print(_lengths(count))
    out.print(_histogram(count.lengths))
    out.print(tr("Packing (best fit)", "拼接（best fit）"), style="bold")
    out.print(_packings(packings))


def write(path: Path, count: Count, packings: list[Packing], found: list[Found], reader: Reader) -> None:
    """Write the JSON file. Raises DiskError."""
    value = {
        "tokenizer": reader.name,
        "files": [
            {"source": f.source, "container": f.container, "format": f.format, "samples": f.num_samples}
            | {"not_kept": dict(+f.ignored)}
            for f in found
        ],
        "total": count.total.as_dict(),
        "sources": {name: group.as_dict() for name, group in count.sources.items()},
        "lengths": quantiles(count.lengths),
        "supervised_per_sample": quantiles(count.supervised),
        "turns": quantiles(count.turns),
        "histogram": [
            {"from": first, "to": last, "documents": number} for first, last, number in histogram(count.lengths)
        ],
        "overlong": dataclasses.asdict(count.losses.total),
        "packing": [dataclasses.asdict(packing) for packing in packings],
    }
    with outfile.atomic_text(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=2)


def _table(*columns: str) -> Table:
    """The first column is text, the others are numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _sources(count: Count) -> Table:
    table = _table(
        tr("source", "来源"),
        tr("samples", "样本"),
        tr("unusable", "不可用"),
        tr("kinds", "类别"),
        tr("tokens", "token"),
        tr("trained", "训练"),
        tr("languages", "语言"),
    )
    groups = list(count.sources.items())
    if len(groups) > 1:
        groups.append((tr("all", "合计"), count.total))
    for name, group in groups:
        table.add_row(visible(name), *_cells(group))
    return table


def _cells(group: Group) -> list[str]:
    num_used = max(group.num_samples - group.num_faults, 1)
    languages = " ".join(f"{name} {number / num_used:.0%}" for name, number in group.languages.most_common(3))
    share = group.num_supervised / max(group.num_tokens, 1)
    numbers = [f"{group.num_samples:,}", f"{group.num_faults:,}", " ".join(group.kinds), f"{group.num_tokens:,}"]
    return [*numbers, f"{share:.0%}", languages]


def _lengths(count: Count) -> Table:
    table = _table("", "min", "p50", "p90", "p99", "max", tr("mean", "平均"))
    for name, values in (
        (tr("documents", "文档"), count.lengths),
        (tr("trained a sample", "每样本训练 token"), count.supervised),
        (tr("messages a sample", "每样本消息数"), count.turns),
    ):
        if len(values):
            mean = f"{sum(values) / len(values):,.1f}"
            table.add_row(name, *(f"{number:,}" for number in quantiles(values).values()), mean)
    return table


def _histogram(lengths: array) -> Text:
    classes = histogram(lengths)
    most = max((number for _, _, number in classes), default=0)
    lines = [
        f"{first:>9,} – {last:<9,} {'█' * round(number / most * _WIDTH) or '▏' * bool(number):<{_WIDTH}} {number:>9,}"
        for first, last, number in classes
    ]
    return Text("\n".join(lines))


def _packings(packings: list[Packing]) -> Table:
    table = _table(
        tr("row length", "行长度"),
        tr("rows", "行数"),
        tr("filled", "填充率"),
        tr("a row each, padded", "每文档一行并填充"),
        tr("fewer tokens computed", "少算的 token"),
        tr("too long for it", "超长文档"),
    )
    for packing in packings:
        gain = packing.filled / packing.padded if packing.padded else 1
        table.add_row(
            f"{packing.capacity:,}",
            f"{packing.num_rows:,}",
            f"{packing.filled:.1%}",
            f"{packing.padded:.1%}",
            f"{gain:.1f} ×",
            f"{packing.num_overlong:,}",
        )
    return table
