"""CFBench: 1000 Chinese prompts with constraints, judged point by point."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import JUDGED, Item, Task
from zhinao.evaluate.tasks._files import found, json_array
from zhinao.lang import tr
from zhinao.score.judged.cfbench import PRIMARY, SECONDARY, CFBench


def items(folder: Path) -> Iterator[Item]:
    for row in json_array(found(folder, "cfbench_data.json")):
        prompt = ({"role": "user", "content": row.text("prompt")},)
        facts = {"gold": row.text("gold"), "criteria": _criteria(row)}
        yield Item(id=str(row.value("idx")), prompt=prompt, subset=row.text("split"), facts=facts)


def _criteria(row) -> list[list[str]]:
    found = row.value("criteria")
    if not isinstance(found, list) or not found:
        raise row.wrong("criteria", tr("is not a list of points", "不是考察点列表"))
    for place, point in enumerate(found):
        if not isinstance(point, list) or len(point) < 2 or point[1] not in (PRIMARY, SECONDARY):
            raise row.wrong(f"criteria[{place}]", tr("is no point with its kind", "缺少考察点或其类别"))
    return [point[:2] for point in found]


TASK = Task(
    name="cfbench",
    title="CFBench",
    language="zh",
    protocol="CFBench: greedy answer, one judge call, strict reading with up to 10 rounds; the score is CSR, ISR and PSR beside it",
    mode=JUDGED,
    folder="cfbench",
    items=items,
    num_items=1000,
    max_tokens=2048,
    judging=CFBench(),
)
