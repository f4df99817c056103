"""What of the data is left out of a run: samples, tokens and trained tokens, by source. Decides nothing about single samples."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from zhinao.data.sample import DataError, Fault, Place
from zhinao.data.words import translated
from zhinao.lang import counted, tr

NUM_WORST = 20


@dataclass(slots=True)
class Row:
    """Counts of one source. `num_tokens` and `num_supervised` are those before anything is cut.

    `num_dropped`: samples over the limit of which nothing is left. A split conversation repeats its system message, which
    is not subtracted from what is lost. `num_rejected`: left out since they are marked as bad answers; their tokens are not counted.
    """

    num_samples: int = 0
    num_faulty: int = 0
    num_overlong: int = 0
    num_dropped: int = 0
    num_documents: int = 0
    num_tokens: int = 0
    num_lost_tokens: int = 0
    num_supervised: int = 0
    num_lost_supervised: int = 0
    num_rejected: int = 0

    def __add__(self, other: "Row") -> "Row":
        return Row(*(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(Row)))


@dataclass(frozen=True, slots=True)
class Cut:
    """A sample that was over the limit. `num_lost` of its `num_tokens` are not in the run."""

    place: Place
    num_tokens: int
    num_lost: int


@dataclass(slots=True)
class Omitted:
    """Rows by source, in the order in which the sources came; `worst`: the samples that lose most tokens, worst first."""

    rows: dict[str, Row] = field(default_factory=dict)
    worst: list[Cut] = field(default_factory=list)

    @property
    def total(self) -> Row:
        return sum(self.rows.values(), Row())

    def add(self, source: str, row: Row) -> None:
        self.rows[source] = self.rows.get(source, Row()) + row

    def add_fault(self, fault: Fault) -> Fault:
        """Counts an item that cannot be used, and gives it back."""
        self.add(fault.place.source, Row(num_samples=1, num_faulty=1))
        return fault

    def add_rejected(self, place: Place) -> None:
        """Counts a sample that is left out as a bad answer."""
        self.add(place.source, Row(num_samples=1, num_rejected=1))

    def add_cut(self, cut: Cut) -> None:
        self.worst = sorted([*self.worst, cut], key=lambda c: -c.num_lost)[:NUM_WORST]

    def merge(self, other: "Omitted") -> None:
        for source, row in other.rows.items():
            self.add(source, row)
        for cut in other.worst:
            self.add_cut(cut)

    def to_json(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "Omitted":
        rows = {source: Row(**row) for source, row in value["rows"].items()}
        return cls(rows, [Cut(**{**cut, "place": Place(**cut["place"])}) for cut in value["worst"]])

    def check(self, limit: int, max_overlong_share: float | None) -> None:
        """Raises DataError where more than that share of the samples is over the limit; None allows any."""
        total = self.total
        if max_overlong_share is None or total.num_overlong <= max_overlong_share * total.num_samples:
            return
        worst = "\n".join(f"  {cut.place}: {cut.num_tokens:,}" for cut in self.worst[:5])
        share = total.num_overlong / total.num_samples
        raise DataError(
            tr(
                f"{total.num_overlong:,} of {counted(total.num_samples, 'sample')} ({share:.1%}) {'has' if total.num_overlong == 1 else 'have'} more than {limit:,} tokens; "
                f"up to {max_overlong_share:.1%} are dropped without asking. The longest:\n{worst}",
                f"{total.num_samples:,} 条样本中有 {total.num_overlong:,} 条（{share:.1%}）超过 {limit:,} 个 token；"
                f"不超过 {max_overlong_share:.1%} 时才会直接丢弃。最长的有：\n{worst}",
            ),
            tr(
                "--overlong split (at turns), drop or left, or a larger --model_max_length",
                "请用 --overlong split（按轮拆分）、drop 或 left，或增大 --model_max_length",
            ),
        )

    def table(self, max_rows: int = 20):
        """The same as a `rich.table.Table`: the sources that lose most first where there are more than `max_rows`."""
        from rich.table import Table

        title = tr("What is lost before the run", "训练前的损失")
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        table.add_column(translated("source"), overflow="fold")
        for english, chinese in _COLUMNS:
            table.add_column(tr(english, chinese), justify="right")
        rows = list(self.rows.items())
        if len(rows) > max_rows:
            rows = sorted(rows, key=lambda row: -row[1].num_lost_tokens)[:max_rows]
            table.caption = tr(
                f"{max_rows} of {len(self.rows)} sources", f"共 {len(self.rows)} 个来源，显示 {max_rows} 个"
            )
        total = [(tr("all", "合计"), self.total)] if len(self.rows) > 1 else []
        for source, row in [*((_short(source, self.rows), row) for source, row in rows), *total]:
            table.add_row(source, *_cells(row))
        return table


_COLUMNS = (
    ("samples", "样本"),
    ("faulty", "有误"),
    ("too long", "超长"),
    ("dropped", "丢弃"),
    ("tokens", "token"),
    ("lost", "丢失"),
    ("trained", "训练"),
    ("lost", "丢失"),
)


def _cells(row: Row) -> list[str]:
    return [
        *(f"{count:,}" for count in (row.num_samples, row.num_faulty, row.num_overlong, row.num_dropped)),
        human_count(row.num_tokens),
        _lost(row.num_lost_tokens, row.num_tokens),
        human_count(row.num_supervised),
        _lost(row.num_lost_supervised, row.num_supervised),
    ]


def _lost(num_lost: int, num_all: int) -> str:
    """The share, where it shows."""
    share = num_lost / num_all if num_lost else 0
    return "0" if not num_lost else f"{share:.1%}" if share >= 0.001 else human_count(num_lost)


def human_count(number: int) -> str:
    """`812`, `45.1k`, `3.2M`, `1.7B`."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)


def _short(source: str, sources: Iterable[str]) -> str:
    """The file's name alone, where no other source has the same."""
    name = PurePath(source).name or source
    return name if sum(PurePath(other).name == name for other in sources) == 1 else source
