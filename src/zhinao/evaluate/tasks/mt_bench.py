"""MT-bench: 80 questions of two turns, rated by a judge."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import JUDGED, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.score.judged.mt_bench import REFERENCED, MtBench

# FastChat's; whatever is not named is asked greedily
TEMPERATURES = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}


def items(folder: Path) -> Iterator[Item]:
    root = found(folder, "mt_bench", "question.jsonl")
    root = folder if root.is_file() else root
    references = _references(found(root, "reference_answer/gpt-4.jsonl"))
    for row in json_lines(found(root, "question.jsonl")):
        number, category, turns = row.value("question_id"), row.text("category"), row.texts("turns", 2)
        facts = {"category": category, "sampling": {"temperature": TEMPERATURES.get(category, 0.0)}}
        if category in REFERENCED and number in references:
            facts["references"] = references[number]
        prompt = ({"role": "user", "content": turns[0]},)
        yield Item(id=str(number), prompt=prompt, turns=(turns[1],), subset=category, facts=facts)


def _references(file: Path) -> dict:
    return {row.value("question_id"): row.rows("choices")[0].texts("turns", 2) for row in json_lines(file)}


TASK = Task(
    name="mt-bench",
    title="MT-bench",
    language="en",
    protocol="FastChat: two turns, temperature by category, single-answer grading, mean of all ratings",
    mode=JUDGED,
    folder="mt_bench",
    items=items,
    num_items=80,
    max_tokens=1024,
    judging=MtBench(),
    scale=10.0,
)
