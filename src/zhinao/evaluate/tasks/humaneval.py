"""HumanEval: 164 functions to be completed, graded by running their tests."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.score.grade import Grade

FILES = ("human-eval-v2-20210705.jsonl", "HumanEval.jsonl.gz", "HumanEval.jsonl")


def items(before: str, is_chat: bool, folder: Path) -> Iterator[Item]:
    for row in json_lines(found(folder, *FILES)):
        facts = {name: row.text(name) for name in ("prompt", "test", "entry_point")}
        asked = before + facts["prompt"]
        prompt = ({"role": "user", "content": asked},) if is_chat else asked
        yield Item(id=row.text("task_id"), prompt=prompt, facts=facts)


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.code.graders import humaneval

    return humaneval(item, output)


def task(name: str, before: str, note: str, is_chat: bool = False) -> Task:
    return Task(
        name="humaneval",
        title="humaneval",
        language="en",
        protocol=f"OpenCompass {name}: 0-shot, {note}, 512 new tokens, first fenced block if any, pass@1, 3 s",
        mode=GENERATION,
        folder="humaneval",
        items=partial(items, before, is_chat),
        num_items=164,
        grade=grade,
        max_tokens=512,
        runs_code=True,
    )


RAW = task("humaneval_gen_a82cae", "", "the prompt alone")
COMPLETE = task("humaneval_gen_8e312c", "Complete the following python code:\n", "asked to complete")
CHAT = task(
    "humaneval_gen_8e312c", "Complete the following python code:\n", "asked to complete, as a chat", is_chat=True
)
TASK = replace(RAW, variants={"gen_a82cae": RAW, "gen_8e312c": COMPLETE, "chat": CHAT})
