"""IFEval: 541 prompts with instructions that a program can check."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.lang import tr
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    from zhinao.score.ifeval import known

    kinds = set(known())
    for row in json_lines(found(folder, "input_data.jsonl")):
        ids, kwargs = row.texts("instruction_id_list"), row.value("kwargs")
        if unknown := [id for id in ids if id not in kinds]:
            raise row.wrong(
                "instruction_id_list", tr(f"names {unknown[0]!r}, which is none", f"含未知指令 {unknown[0]!r}")
            )
        if not isinstance(kwargs, list) or len(kwargs) != len(ids):
            raise row.wrong("kwargs", tr("does not fit instruction_id_list", "与 instruction_id_list 不对应"))
        prompt = ({"role": "user", "content": row.text("prompt")},)
        yield Item(id=str(row.value("key")), prompt=prompt, facts={"instruction_id_list": ids, "kwargs": kwargs})


def grade(item: Item, output: str) -> Grade:
    """Of the answer, not of the thought before it."""
    from zhinao.score.ifeval import grade_ifeval

    return grade_ifeval(item, output.rpartition("</think>")[2])


TASK = Task(
    name="ifeval",
    title="IFEval",
    language="en",
    protocol="IFEval: prompt level, strict; one user turn by the chat template, greedy, 1280 new tokens",
    mode=GENERATION,
    folder="ifeval",
    items=items,
    num_items=541,
    grade=grade,
    max_tokens=1280,
)
