"""k answers of a model to each problem, graded, kept a line an answer as evaluation keeps them: nothing is drawn twice.

Two commands may share a folder of draws (`rate`, then `sample`); a larger k draws what is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao.evaluate.backend.base import Backend
from zhinao.evaluate.run import asking
from zhinao.evaluate.run.asking import Asking
from zhinao.evaluate.run.store import Store
from zhinao.evaluate.task import SAMPLES, Item, Task
from zhinao.reason.problem_files import Problem
from zhinao.score.grade import Grade

TASK = "draws"
OPTIONS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class How:
    """How answers are drawn: `k` a problem, sampling, and who grades ("mathematics" or "choices")."""

    k: int = 4
    max_tokens: int = 1024
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 42
    grader: str = "mathematics"


@dataclass(frozen=True)
class Draw:
    """One answer; `output` as the model wrote it, its thought in tags. `grade`: 1 right, 0 wrong, None not told."""

    output: str
    grade: float | None
    is_whole: bool


def draw(problems: Sequence[Problem], backend: Backend, folder: Path, how: How) -> tuple[list[list[Draw]], list]:
    """The draws of each problem, and what could not be asked this time (to be asked again by the same command).

    Raises UsageError where `folder` holds draws of another model or sampling, DiskError.
    """
    items = [Item(id=one.id, prompt=one.messages, gold=one.gold) for one in problems]
    one = Asking(TASK, _task(how), items, how.k, how.seed)
    identity = {
        **backend.identity,
        **{name: getattr(how, name) for name in ("max_tokens", "temperature", "top_p", "seed", "grader")},
    }
    with Store(folder, identity) as store:
        failed = asking.run(one, backend, store)
        found = [[store.known(TASK, item, number) for number in range(how.k)] for item in items]
    return [[_draw(record) for record in records if record] for records in found], failed


def _draw(record: dict) -> Draw:
    return Draw(record["output"] or "", record["grade"], record["finish_reason"] == "stop")


def _task(how: How) -> Task:
    return Task(
        name=TASK,
        title=TASK,
        language="en",
        protocol="",
        mode=SAMPLES,
        folder="",
        items=lambda folder: iter(()),
        num_items=0,
        grade=GRADERS[how.grader],
        max_tokens=how.max_tokens,
        sampling={"temperature": how.temperature, "top_p": how.top_p},
        num_samples=how.k,
    )


def _mathematics(item: Item, output: str) -> Grade:
    from zhinao.score.mathematics import grade_math

    return grade_math(str(item.gold), output)


def _choices(item: Item, output: str) -> Grade:
    from zhinao.score.choices import first_option
    from zhinao.score.rewards.thought import parts

    answer = parts(output).answer
    letter = first_option(answer, OPTIONS) if answer is not None else None
    return Grade(float(letter == str(item.gold).strip().upper()), letter)


GRADERS: dict[str, Callable[[Item, str], Grade]] = {"mathematics": _mathematics, "choices": _choices}
