"""Looking at runs: what a run scored, what differs between two, which tasks there are."""

from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate import suites, tasks
from zhinao.evaluate.report import terminal
from zhinao.evaluate.run import store
from zhinao.evaluate.words import translated
from zhinao.lang import tr
from zhinao.outfile import json_text
from zhinao.score import statistics


def _tasks() -> list[dict]:
    found = [tasks.find(name) for name in tasks.names()]
    return [
        {
            "name": task.name,
            "title": task.title,
            "mode": task.mode,
            "num_items": task.num_items,
            "protocol": task.protocol,
            "variants": list(task.variants),
        }
        for task in found
    ]


def list_tasks(as_json: bool) -> int:
    """`zhinao eval list`."""
    rows = _tasks()
    if as_json:
        print(json_text({"tasks": rows, "suites": suites.SUITES}, indent=1))
        return 0
    table = _table(translated("task"), translated("items"), translated("mode"), translated("protocol"))
    for row in rows:
        table.add_row(row["name"], str(row["num_items"]), row["mode"], row["protocol"])
    _print(table)
    for name, members in suites.SUITES.items():
        print(f"{name}: {', '.join(members)}")
    return 0


def show(run: Path, as_json: bool) -> int:
    """`zhinao eval show RUN`. Raises UsageError where it is no run."""
    found = store.results_of(run)
    if as_json:
        print(json_text(found, indent=1))
        return 0
    terminal.show(found)
    return 0


def diff(first: Path, second: Path, as_json: bool) -> int:
    """`zhinao eval diff RUN RUN`: for each task of both, whether the difference is real, and which items flipped."""
    a, b = _grades(first), _grades(second)
    shared = [name for name in a if name in b and a[name].keys() & b[name].keys()]
    if not shared:
        raise UsageError(tr(f"{first} and {second} share no items.", f"{first} 与 {second} 没有相同的题目。"))
    rows = [_compared(name, a[name], b[name]) for name in shared]
    if as_json:
        print(json_text({"tasks": {row["task"]: row for row in rows}}, indent=1))
        return 0
    table = _table(
        translated("task"),
        translated("items"),
        translated("before"),
        translated("after"),
        translated("better"),
        translated("worse"),
        "p",
        translated("verdict"),
    )
    for row in rows:
        table.add_row(
            row["task"],
            str(row["num_items"]),
            f"{row['before'] * 100:.2f}",
            f"{row['after'] * 100:.2f}",
            str(row["gained"]),
            str(row["lost"]),
            f"{row['p']:.3f}",
            tr(*_VERDICTS[row["p"] < 0.05]),
        )
    _print(table)
    for row in rows:
        for name, ids in ((translated("better"), row["better"]), (translated("worse"), row["worse"])):
            if ids:
                print(f"{row['task']} {name}: {' '.join(ids[:20])}{' …' if len(ids) > 20 else ''}")
    return 0


_VERDICTS = {True: ("real", "差异显著"), False: ("cannot tell", "无法判断")}


def _compared(name: str, a: dict[str, float], b: dict[str, float]) -> dict:
    ids = [id for id in a if id in b]
    found = statistics.paired([a[id] for id in ids], [b[id] for id in ids])
    return {
        "task": name,
        "num_items": len(ids),
        "before": statistics.mean([a[id] for id in ids]),
        "after": statistics.mean([b[id] for id in ids]),
        "p": found.p,
        "gained": found.gained,
        "lost": found.lost,
        "better": [id.rpartition(" ")[0] for id in ids if b[id] > a[id]],
        "worse": [id.rpartition(" ")[0] for id in ids if b[id] < a[id]],
    }


def _grades(run: Path) -> dict[str, dict[str, float]]:
    """Task -> item -> its grade, of several samples their mean."""
    store.results_of(run)
    last = {(one["task"], one["id"], one.get("sample", 0)): one for one in store.read(run)}
    every: dict[str, dict[str, list[float]]] = {}
    for record in last.values():
        if not record.get("is_judged", True):
            continue
        key = f"{record['id']} {record['prompt_hash']}"  # another prompt is another question
        every.setdefault(record["task"], {}).setdefault(key, []).append(record.get("grade") or 0.0)
    return {task: {id: statistics.mean(found) for id, found in items.items()} for task, items in every.items()}


def _table(*titles: str):
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _print(table) -> None:
    from rich.console import Console

    Console().print(table)
