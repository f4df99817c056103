"""MBPP, test: 500 small functions by a sentence and three asserts, after three examples; graded by running the asserts."""

from collections.abc import Iterator
from pathlib import Path

from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.evaluate.tasks._files import found, json_lines
from zhinao.evaluate.tasks._mbpp import EXAMPLES, asked
from zhinao.score.grade import Grade


def items(folder: Path) -> Iterator[Item]:
    """Items 11 to 510 of the file, by their own numbers."""
    for row in json_lines(found(folder, "mbpp.jsonl")):
        number = row.value("task_id")
        if isinstance(number, int) and 11 <= number <= 510:
            tests = row.texts("test_list")
            prompt = EXAMPLES + asked(row.text("text"), "\n".join(tests))
            yield Item(id=str(number), prompt=prompt, facts={"tests": tests})


def grade(item: Item, output: str) -> Grade:
    from zhinao.score.code.graders import mbpp

    return mbpp(item, output)


TASK = Task(
    name="mbpp",
    title="mbpp",
    language="en",
    protocol="OpenCompass deprecated_mbpp_gen_1e1056: test, 3 built-in examples, 512 new tokens, three asserts, 10 s, pass@1",
    mode=GENERATION,
    folder="mbpp",
    items=items,
    num_items=500,
    grade=grade,
    max_tokens=512,
    runs_code=True,
)
