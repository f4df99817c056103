"""Two models on the same items: a row a kind, with intervals and a paired test, and ten answers side by side. Numbers only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zhinao.evaluate.card import tasks
from zhinao.score import statistics

BETTER, WORSE, SAME, CANNOT_TELL = "better", "worse", "same", "cannot tell"
LEVEL = 0.05
NUM_ANSWERS = 10


@dataclass(frozen=True)
class Row:
    """Shares of 0 to 1 with their 95 % intervals. `p`: of the paired test; `gained`, `lost`: items."""

    name: str
    num_items: int
    before: float
    before_interval: tuple[float, float]
    after: float
    after_interval: tuple[float, float]
    p: float
    gained: int
    lost: int

    @property
    def verdict(self) -> str:
        if not self.gained + self.lost:
            return SAME
        if self.p >= LEVEL:
            return CANNOT_TELL
        return BETTER if self.after > self.before else WORSE


@dataclass(frozen=True)
class Answer:
    """One question and what both said; `is_worse`: kept its rule before and does not now."""

    id: str
    system: str
    question: str
    before: str
    after: str
    is_worse: bool


def rows(before: Iterable[dict], after: Iterable[dict], names: Sequence[str]) -> list[Row]:
    a, b = _grades(before), _grades(after)
    return [_row(name, a[name], b[name]) for name in names if a.get(name, {}).keys() & b.get(name, {}).keys()]


def _row(name: str, a: dict[str, float], b: dict[str, float]) -> Row:
    shared = [id for id in a if id in b]
    first, second = [a[id] for id in shared], [b[id] for id in shared]
    found = statistics.paired(first, second)
    return Row(
        name,
        len(shared),
        statistics.mean(first),
        statistics.interval(first),
        statistics.mean(second),
        statistics.interval(second),
        found.p,
        found.gained,
        found.lost,
    )


def _grades(records: Iterable[dict]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for record in records:
        found.setdefault(record["task"], {})[record["id"]] = tasks.grade(record)
    return found


def answers(before: Sequence[dict], after: Sequence[dict], items: Iterable) -> list[Answer]:
    """Ten: what got worse first, then the first of each kind in turn."""
    a, b = ({record["id"]: record for record in records} for records in (before, after))
    found = [_answer(item, a[item.id], b[item.id]) for item in items if item.id in a and item.id in b]
    in_turn = sorted(found, key=lambda one: (not one.is_worse, int(one.id.rpartition("/")[2])))
    return in_turn[:NUM_ANSWERS]


def _answer(item, a: dict, b: dict) -> Answer:
    system = next((one["content"] for one in item.prompt if one["role"] == "system"), "")
    question = item.prompt[-1]["content"]
    outputs = (a["output"] or "", b["output"] or "")
    return Answer(item.id, system, question, *outputs, tasks.grade(b) < tasks.grade(a))
