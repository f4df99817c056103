"""Rows for models with long chains of thought, as Light-R1 measures them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from zhinao.evaluate.task import SAMPLES, Item, Task
from zhinao.evaluate.tasks._files import found, json_array
from zhinao.evaluate.tasks._grades import boxed

INSTRUCTION = " Let's think step by step and output the final answer within \\boxed{}."
PROTOCOL = "Light-R1: temperature 0.6, top_p 0.95, 64 samples of up to 32768 tokens, the last \\boxed{} after the thought, pass@1"


def asked(problem: str) -> tuple[dict, ...]:
    """One turn of the user's; the model's own template adds what it adds."""
    return ({"role": "user", "content": problem + INSTRUCTION},)


def aime(names: tuple[str, ...], folder: Path) -> Iterator[Item]:
    for index, row in enumerate(json_array(found(folder, *names))):
        yield Item(id=str(index), prompt=asked(row.text("problem")), gold=str(row.value("answer")))


def task(name: str, title: str, items, num_items: int, **fields) -> Task:
    fields = {"protocol": PROTOCOL, "folder": name, "grade": boxed, **fields}
    return Task(
        name=name,
        title=title,
        language="en",
        mode=SAMPLES,
        items=items,
        num_items=num_items,
        max_tokens=32768,
        sampling={"temperature": 0.6, "top_p": 0.95},
        num_samples=64,
        **fields,
    )


def aime_task(name: str, title: str, *files: str) -> Task:
    return task(name, title, partial(aime, files), 30)
