"""A run's results beside the published numbers, as rows that every form of the report prints. Prints nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zhinao.evaluate import published
from zhinao.evaluate.report import verdict
from zhinao.evaluate.task import JUDGED
from zhinao.lang import tr


@dataclass(frozen=True)
class Row:
    """`score`, `interval`, `published`, `peers` (by model) on the printed scale; `task`: its part of results.json.

    `verdict`: one of `verdict.py`'s, None where nothing is published or it cannot be compared; `difference`: then why, in words.
    `scale`: what 1.0 is printed as.
    """

    name: str
    task: Mapping
    score: float
    interval: tuple[float, float]
    digits: int = 2
    suite: str = ""
    column: str = ""
    published: float | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    verdict: str | None = None
    difference: str = ""
    scale: float = 100.0

    @property
    def title(self) -> str:
        return self.task.get("title") or self.name

    @property
    def num_items(self) -> int:
        return self.task.get("num_items") or 0

    @property
    def num_whole(self) -> int:
        return self.task.get("num_items_whole") or self.num_items

    @property
    def is_part(self) -> bool:
        return self.num_items < self.num_whole


def of(results: Mapping) -> list[Row]:
    """One row a task, in the run's order; one a measure where that is what is published (CFBench)."""
    return [
        _row(name, measure, task, results)
        for name, task in results["tasks"].items()
        for measure in _measures(name, task)
    ]


def _measures(name: str, task: Mapping) -> list[str]:
    """The published ones among those of the run; "" is the task's own score."""
    base = name.partition("@")[0]
    rows = {row for table in published.TABLES.values() for row in table.rows}
    return [measure for measure in task.get("measures", {}) if f"{base}:{measure}" in rows] or [""]


def _row(name: str, measure: str, task: Mapping, results: Mapping) -> Row:
    scale = task.get("scale") or 100.0
    found = {**task, **task["measures"][measure]} if measure else task
    score = found.get("score") or 0.0  # lm-eval gives none where a group has no metric of its own
    interval = found.get("interval") or (score, score)
    full = f"{name}:{measure}" if measure else name
    own = Row(full, found, score * scale, tuple(bound * scale for bound in interval), scale=scale)
    key = name.partition("@")[0] + (f":{measure}" if measure else "")
    table = next((table for table in published.TABLES.values() if key in table.rows), None)
    return _compared(own, table, key, str(results.get("model", ""))) if table else own


def _compared(own: Row, table: published.Table, key: str, model: str) -> Row:
    column = column_of(table, model)
    value, scale = table.value(column, key), own.task.get("scale") or 100.0
    # the table may print on another scale than the task (0.626 and 62.6)
    factor = table.scale[key] / scale
    score, interval = own.score * factor, tuple(bound * factor for bound in own.interval)
    why = difference(own)
    said = verdict.verdict(
        own.score / scale,
        tuple(bound / scale for bound in own.interval),
        value,
        max(own.num_whole, 1),
        scale=table.scale[key],
        decimals=table.digits[key],
    )
    return Row(
        own.name,
        own.task,
        score,
        interval,
        table.digits[key],
        table.suite,
        column,
        value,
        {name: table.value(name, key) for name in table.models if name != column},
        None if why or not own.num_items else said,
        why,
        table.scale[key],
    )


def column_of(table: published.Table, model: str) -> str:
    """The column that bears the model's name, else that of the table's own released model."""
    short = model.rstrip("/").rpartition("/")[2].lower()
    if named := next((name for name in table.models if name.lower() == short), None):
        return named
    return next(name for name in reversed(table.models) if name in published.OURS.values())


def difference(row: Row) -> str:
    """Why the published number cannot be held against this one, in words; empty where it can."""
    _, _, variant = row.name.partition(":")[0].partition("@")
    if row.task.get("mode") == JUDGED:
        judge = row.task.get("judge") or "?"
        return tr(
            f"another judge ({judge}); the published judge is not at hand",
            f"评审模型不同（{judge}），并非发布方所用的评审模型",
        )
    if variant:
        return tr(f"another variant of the task ({variant})", f"任务变体不同（{variant}）")
    if "NOT " in row.task.get("protocol", ""):
        return tr("the protocol departs from the published one", "规程与发布方不同")
    if row.task.get("is_complete") is False and not row.is_part:
        return tr("not every answer is there yet", "尚未全部完成")
    return ""


def scores(rows: list[Row]) -> dict[str, float]:
    """By task, whole or in part; variants are not what the README's rows are."""
    return {row.name: row.score for row in rows if row.suite == published.BASE.suite and "@" not in row.name}
