"""What `zhinao data stats` counts: samples, documents, tokens, turns, languages, by source; and how well it packs.

Also the numbers as tables and as a JSON file.
"""

import dataclasses
import json
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from zhinao import outfile
from zhinao.data.check.inspection import Inspection
from zhinao.data.check.report import quantiles
from zhinao.data.commands.tokenizer_of import Reader
from zhinao.data.encode.omitted import Omitted
from zhinao.data.read.read import Found
from zhinao.data.store.packing import best_fit, efficiency
from zhinao.data.visible import console, visible
from zhinao.lang import tr

_WIDTH = 40  # of the bars


@dataclass
class Group:
    """Counts of one source, or of all."""

    num_samples: int = 0
    num_faults: int = 0  # not readable, or nothing of it is trained
    num_tokens: int = 0
    num_supervised: int = 0
    languages: Counter = field(default_factory=Counter)
    kinds: Counter = field(default_factory=Counter)

    def add(self, seen: Inspection) -> None:
        self.num_samples += 1
        self.num_tokens += seen.num_tokens
        self.num_supervised += seen.num_supervised
        if seen.lengths:
            self.kinds[seen.kind] += 1
            self.languages[seen.language] += 1
        else:
            self.num_faults += 1

    def as_dict(self) -> dict:
        return {**vars(self), "languages": dict(self.languages), "kinds": dict(self.kinds)}


@dataclass(frozen=True)
class Packing:
    """How documents of at most `capacity` tokens fill rows of that length. `padded`: the same without packing, a row each."""

    capacity: int
    num_rows: int
    num_documents: int
    num_overlong: int
    filled: float
    padded: float


class Count:
    """Feed it inspections with `add`. Keeps four bytes a document and two a sample."""

    def __init__(self):
        self.total, self.sources = Group(), {}
        self.lengths, self.supervised, self.turns = array("I"), array("I"), array("H")
        self.omitted = Omitted()

    def add(self, seen: Inspection) -> None:
        for group in (self.total, self.sources.setdefault(seen.place.source, Group())):
            group.add(seen)
        if seen.omitted:
            self.omitted.merge(seen.omitted)
        if seen.lengths:
            self.lengths.extend(seen.lengths)
            self.supervised.append(seen.num_supervised)
            if seen.num_turns:
                self.turns.append(min(seen.num_turns, 65535))

    def packing(self, capacity: int, seed: int) -> Packing:
        """Best fit over all documents that are not longer than `capacity`."""
        lengths = np.frombuffer(self.lengths, np.uint32).astype(np.int64)
        fitting = lengths[lengths <= capacity]
        packs = best_fit(fitting, capacity, seed)
        padded = float(fitting.sum() / (len(fitting) * capacity)) if len(fitting) else 1.0
        num_overlong = len(lengths) - len(fitting)
        return Packing(capacity, len(packs), len(fitting), num_overlong, efficiency(packs, fitting, capacity), padded)


def histogram(values: array) -> list[tuple[int, int, int]]:
    """`(first, last, count)` of classes whose borders double: 1, 2-3, 4-7 … Empty classes inside are kept."""
    if not len(values):
        return []
    numbers = np.frombuffer(values, {"I": np.uint32, "H": np.uint16}[values.typecode])
    classes = np.where(numbers > 0, np.log2(np.maximum(numbers, 1)).astype(int) + 1, 0)
    counts = np.bincount(classes)
    first = int(np.flatnonzero(counts)[0])
    return [(2 ** (n - 1) if n else 0, 2**n - 1 if n else 0, int(counts[n])) for n in range(first, len(counts))]


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
        "overlong": dataclasses.asdict(count.omitted.total),
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
