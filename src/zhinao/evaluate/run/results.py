"""From the records of a task to its score, with interval and what went wrong. Numbers only; asks nobody."""

from collections import defaultdict

from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.task import JUDGED, SAMPLES
from zhinao.score import statistics


def of(asking: Asking, records: list[dict]) -> dict:
    """`records`: those of the task's chosen items. `score` and `interval` on a scale of 0 to 1 (times `scale` they are what is printed)."""
    task = asking.task
    by_item = defaultdict(list)
    for record in records:
        by_item[record["id"]].append(record)
    subsets = defaultdict(list)
    for item in asking.items:
        if found := by_item.get(item.id):
            subsets[item.subset].append(statistics.mean([record["grade"] or 0.0 for record in found]))
    scores = [score for group in subsets.values() for score in group]
    is_by_subset = task.mean == "subsets"
    return {
        "title": task.title,
        "score": (statistics.subset_mean(subsets) if is_by_subset else statistics.mean(scores)) if scores else 0.0,
        "num_items": len(scores),
        "interval": list(statistics.subset_interval(subsets) if is_by_subset else statistics.interval(scores)),
        "protocol": task.protocol,
        "mode": task.mode,
        "scale": task.scale,
        "chance": task.chance,
        "num_items_whole": task.num_items,
        "num_missing": len(asking.items) - len(by_item),
        "is_complete": sum(record["finish_reason"] != "error" for record in records)
        == len(asking.items) * asking.num_samples,
        "num_not_extracted": sum(record["extracted"] is None for record in records),
        "num_cut_off": sum(record["finish_reason"] == "length" for record in records),
        "num_errors": sum(record["finish_reason"] == "error" for record in records),
        "num_ungraded": sum(record["grade"] is None for record in records),
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "num_tokens": sum(_tokens(record) for record in records),
        **(
            {"subsets": {name: [len(group), statistics.mean(group)] for name, group in subsets.items()}}
            if is_by_subset
            else {}
        ),
        **(_samples(asking, by_item) if task.mode == SAMPLES else {}),
        **_judges(records),
        **(_measures(by_item) if task.mode == JUDGED else {}),
    }


def _samples(asking: Asking, by_item: dict[str, list[dict]]) -> dict:
    k = asking.num_samples
    whole = {id: found for id, found in by_item.items() if len(found) == k}
    golds = {item.id: item.gold for item in asking.items}
    every = [record for found in by_item.values() for record in found]
    outputs = [record["output"] or "" for record in every]
    more = {
        "num_samples": k,
        "cut_off_share": sum(record["finish_reason"] == "length" for record in every) / max(len(every), 1),
        "no_thought_end_share": sum("</think>" not in output for output in outputs) / max(len(outputs), 1),
    }
    if whole:
        right = {id: sum((record["grade"] or 0) == 1 for record in found) for id, found in whole.items()}
        more["pass_at_k"] = statistics.mean([statistics.pass_at_k(k, c, k) for c in right.values()])
        more["cons_at_k"] = statistics.mean([_consensus(found, golds[id]) for id, found in whole.items()])
    return more


def _consensus(found: list[dict], gold) -> float:
    """The vote of an item; what counts as the same answer is what got the same grade and reads the same."""
    right = {record["extracted"] for record in found if record["grade"] == 1}
    answers = [
        str(gold) if record["extracted"] in right and record["extracted"] is not None else record["extracted"]
        for record in found
    ]
    return statistics.cons_at_k(answers, str(gold))


def _measures(by_item: dict[str, list[dict]]) -> dict:
    """What a judged task counts besides its score (CFBench: CSR, ISR, PSR): every fact that is a number from 0 to 1 for each item."""
    facts = [found[0].get("facts") or {} for found in by_item.values()]
    names = [name for name in (facts[0] if facts else ()) if all(_is_share(each.get(name)) for each in facts)]
    values = {name: [float(each[name]) for each in facts] for name in names}
    measures = {
        name: {"score": statistics.mean(each), "interval": list(statistics.interval(each))}
        for name, each in values.items()
    }
    return {"measures": measures} if measures else {}


def _is_share(value) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def _judges(records: list[dict]) -> dict:
    names = {record["facts"]["judge"] for record in records if record.get("facts", {}).get("judge")}
    return {"judge": ", ".join(sorted(names))} if names else {}


def _tokens(record: dict) -> int:
    found = record["num_tokens"]
    return sum(found) if isinstance(found, list) else found or 0
