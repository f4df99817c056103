"""The folder with the benchmarks' files, in the layout of the originals: one folder a benchmark. Reads items; knows no format."""

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.task import LETTER, PPL, Item, Task
from zhinao.hub import cache
from zhinao.lang import tr


def folder(given: Path | None) -> Path:
    """`--data`, or the kept one. Raises UsageError where the former is no folder."""
    if given is None:
        return cache.root() / "eval-data"
    if not given.is_dir():
        raise UsageError(tr(f"{given} is not a folder.", f"{given} 不是目录。"), "--data DIR")
    return given


def read(task: Task, data: Path, limit: int | None = None, seed: int = 42) -> list[Item]:
    """All items, or `limit` of them: the same ones in every run with that seed, each subset by its share.

    Raises UsageError where the files are missing or damaged (file, line, field), or two items have one id.
    """
    place = data / task.folder if task.folder else data
    if task.folder and not place.is_dir():
        raise UsageError(
            tr(
                f"{task.name}: its files are not there ({place}).",
                f"{task.name}：没有数据文件（{place}）。",
            ),
            tr(
                f"`zhinao eval fetch {task.name}`, or --data DIR with a folder {task.folder!r} in it",
                f"用 `zhinao eval fetch {task.name}` 下载，或用 --data DIR 指定含有 {task.folder!r} 的目录",
            ),
        )
    items = list(task.items(place))
    if not items:
        raise UsageError(tr(f"{task.name}: {place} holds no items.", f"{task.name}：{place} 中没有题目。"))
    _check_ids(task, items)
    return items if limit is None or limit >= len(items) else stratified(items, limit, seed)


def fitting(items: list[Item], num_tokens: Callable[[str], int], most: int, name: str) -> list[Item]:
    """Without those that say they must fit and do not, in `most` tokens. Raises UsageError where none is left."""
    left = [item for item in items if not item.facts.get("must_fit") or num_tokens(item.prompt) <= most]
    if not left:
        raise UsageError(
            tr(
                f"{name}: no item fits a context of {most} tokens.",
                f"{name}：没有题目能放入 {most} 个 token 的上下文。",
            )
        )
    return left


def stratified(items: list[Item], num: int, seed: int) -> list[Item]:
    """`num` items in the order of the files; of each subset its share, the largest remainders rounded up."""
    groups = defaultdict(list)
    for index, item in enumerate(items):
        groups[item.subset].append(index)
    shares = {name: num * len(group) / len(items) for name, group in groups.items()}
    counts = {name: int(share) for name, share in shares.items()}
    for name in sorted(groups, key=lambda name: (counts[name] - shares[name], name))[: num - sum(counts.values())]:
        counts[name] += 1
    chosen = []
    for name, group in groups.items():
        chosen += random.Random(f"{seed} {name}").sample(group, counts[name])
    return [items[index] for index in sorted(chosen)]


def _check_ids(task: Task, items: list[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UsageError(
                tr(f"{task.name}: two items have the id {item.id!r}.", f"{task.name}：两道题的 id 都是 {item.id!r}。")
            )
        seen.add(item.id)
        if task.mode in (PPL, LETTER) and not _has_choice(item):
            raise UsageError(
                tr(
                    f"{task.name}, {item.id}: no choice among several has the gold answer.",
                    f"{task.name} 的 {item.id}：选项中没有标准答案。",
                )
            )


def _has_choice(item: Item) -> bool:
    return len(item.choices) > 1 and isinstance(item.gold, int) and 0 <= item.gold < len(item.choices)
