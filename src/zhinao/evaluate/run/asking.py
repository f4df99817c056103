"""One task: its items are asked, what is not known yet; each answer is graded and written as it comes. Computes no score."""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator

from zhinao.errors import ContextLengthError, EngineError, ZhinaoError
from zhinao.evaluate.backend.base import Ask, Backend, Output, RefusedError, Text
from zhinao.evaluate.run import progress
from zhinao.evaluate.run.judge import Judge
from zhinao.evaluate.run.store import Store, prompt_hash
from zhinao.evaluate.task import JUDGED, LETTER, PPL, SAMPLES, Item, Task
from zhinao.lang import said, tr
from zhinao.score.grade import Grade

SEED = 42


@dataclasses.dataclass(frozen=True)
class Asking:
    """`name`: the task's with its variant. `num_samples`: draws an item; `seed`: the first one's. `max_tokens`: instead of the task's."""

    name: str
    task: Task
    items: list[Item]
    num_samples: int = 1
    seed: int = SEED
    max_tokens: int | None = None


def run(asking: Asking, backend: Backend, store: Store, judge: Judge | None = None) -> list[ZhinaoError]:
    """`judge`: for JUDGED alone. Ask whatever is missing. What could not be asked this time (a server gone, an engine that died) is returned and stays undone."""
    todo = [
        (item, sample)
        for item in asking.items
        for sample in range(asking.num_samples)
        if not _is_done(store.known(asking.name, item, sample), judge)
    ]
    num_all = len(asking.items) * asking.num_samples
    failed: list[ZhinaoError] = []
    with progress.shown(asking.name, num_all, num_all - len(todo)) as done:
        is_scored = asking.task.mode in (PPL, LETTER)
        dialogues = [] if is_scored else [_Dialogue(asking, *one, store.known(asking.name, *one)) for one in todo]
        records = _scored(asking, backend, todo) if is_scored else _answered(asking, backend, dialogues, judge)
        for record in records if todo else ():
            if isinstance(record, ZhinaoError):
                failed.append(record)
            else:
                store.add(record)
                done(is_judged(record))
    return failed


def is_judged(record: dict) -> bool:
    """False for an answer that still waits for its judge."""
    return record.get("is_judged", True)


def _is_done(record: dict | None, judge: Judge | None) -> bool:
    """Another judge judges again; the answers stay."""
    if record is None or not is_judged(record):
        return False
    by = record.get("facts", {}).get("judge")
    return judge is None or by is None or by == judge.name


def _scored(asking: Asking, backend: Backend, todo: list) -> Iterator[dict | ZhinaoError]:
    """All choices of all items at once: the engine shares what they begin with."""
    items = [item for item, _ in todo]
    texts, owners, firsts = [], [], []
    for place, item in enumerate(items):
        firsts.append(len(texts))
        for choice in item.choices:
            whole = isinstance(item.prompt, str) and asking.task.mode == LETTER
            texts.append(Text(item.prompt + choice, len(item.prompt)) if whole else Text(choice))
            owners.append(place)
    left, found = Counter(owners), [None] * len(texts)
    began = time.monotonic()
    for index, logprobs in backend.loglikelihoods(texts):
        found[index] = logprobs
        place = owners[index]
        left[place] -= 1
        if not left[place]:
            first, item = firsts[place], items[place]
            yield _chosen(asking, item, found[first : first + len(item.choices)], time.monotonic() - began)
            began = time.monotonic()


def _chosen(asking: Asking, item: Item, found: list, seconds: float) -> dict | ZhinaoError:
    if error := next((one for one in found if isinstance(one, ZhinaoError)), None):
        return _failed(asking, item, 0, error)
    sums = [sum(logprobs) for logprobs in found]
    # OpenCompass divides by all tokens, the first (which has no likelihood) among them; the least is taken, of equals the first
    losses = [-total / (len(one) + 1) for total, one in zip(sums, found, strict=True)]
    best = losses.index(min(losses)) if asking.task.mode == PPL else sums.index(max(sums))
    grade = Grade(float(best == item.gold), str(best))
    return _record(asking, item, 0, grade, seconds) | {
        "output": None,
        "log_likelihoods": [round(total, 6) for total in sums],
        "num_tokens": [len(one) + (asking.task.mode == PPL) for one in found],
        "finish_reason": None,
    }


def _answered(
    asking: Asking, backend: Backend, dialogues: list["_Dialogue"], judge: Judge | None
) -> Iterator[dict | ZhinaoError]:
    """Turn by turn; an item with one turn is graded as soon as it is answered."""
    for dialogue in dialogues:
        if dialogue.is_over:  # answered by an earlier run, and not judged
            yield from _graded(asking, dialogue, judge, 0.0)
    began = time.monotonic()
    waiting = [dialogue for dialogue in dialogues if not dialogue.is_over]
    while waiting:
        further = []
        for index, output in backend.generate([dialogue.ask() for dialogue in waiting]):
            dialogue = waiting[index]
            if isinstance(output, ZhinaoError):
                yield _failed(asking, dialogue.item, dialogue.sample, output)
                continue
            dialogue.outputs.append(output)
            if dialogue.is_over:
                # answers are written side by side: each bears the time since the last, so that they add up to the run's
                yield from _graded(asking, dialogue, judge, time.monotonic() - began)
                began = time.monotonic()
            else:
                further.append(dialogue)
        waiting = further


class _Dialogue:
    """An item being asked: its turns so far."""

    def __init__(self, asking: Asking, item: Item, sample: int, known: dict | None = None):
        """`known`: the record of an earlier run, whose answers are kept."""
        self.asking, self.item, self.sample = asking, item, sample
        self.outputs: list[Output] = []
        if known and known["output"] is not None:
            texts, num = known.get("outputs") or [known["output"]], known["num_tokens"]
            self.outputs = [Output(text, 0, "stop") for text in texts[:-1]] + [
                Output(texts[-1], num, known["finish_reason"])
            ]

    @property
    def is_over(self) -> bool:
        return len(self.outputs) > len(self.item.turns)

    def ask(self) -> Ask:
        task, item = self.asking.task, self.item
        prompt = item.prompt
        if self.outputs:
            prompt = list(prompt if not isinstance(prompt, str) else ({"role": "user", "content": prompt},))
            for output, turn in zip(self.outputs, item.turns, strict=False):
                prompt += [{"role": "assistant", "content": output.text}, {"role": "user", "content": turn}]
            prompt = tuple(prompt)
        sampling = {**task.sampling, **item.facts.get("sampling", {})}
        if sampling.get("temperature"):
            sampling = {**sampling, "seed": self.asking.seed + self.sample}
        return Ask(prompt, self.asking.max_tokens or task.max_tokens, task.stop, sampling)


def _graded(asking: Asking, dialogue: _Dialogue, judge: Judge | None, seconds: float) -> Iterator[dict | ZhinaoError]:
    """The record; where the judge cannot be had, the answer without a grade and what went wrong."""
    item, outputs = dialogue.item, dialogue.outputs
    more = {"outputs": [output.whole for output in outputs]} if item.turns else {}
    error = None
    try:
        grade = _grade(asking.task, item, outputs, judge)
    except ZhinaoError as caught:
        grade, error, more = Grade(None), caught, more | {"is_judged": False}
    record = _record(asking, item, dialogue.sample, grade, seconds)
    yield record | {
        **more,
        "output": outputs[-1].whole,
        "num_tokens": sum(output.num_tokens for output in outputs),
        "finish_reason": outputs[-1].finish_reason,
    }
    if error and not isinstance(error, EngineError):
        raise error  # it would meet every other answer, too
    if error:
        yield error


def _grade(task: Task, item: Item, outputs: list[Output], judge: Judge | None) -> Grade:
    if task.mode != JUDGED:
        return task.grade(item, outputs[-1].whole)
    if judge is None:
        raise EngineError(tr("No judge is named.", "没有指定评审模型。"), "--judge URL")
    return judge.grade(task, item, [output.text for output in outputs])


def _failed(asking: Asking, item: Item, sample: int, error: ZhinaoError) -> dict | ZhinaoError:
    """An engine's failure is nobody's answer and is asked again; a question that cannot be asked is an item that is wrong, and says
    why. Raises what would meet every other question, too (a key that is refused)."""
    if isinstance(error, EngineError):
        return error
    if not isinstance(error, ContextLengthError | RefusedError):
        raise error
    record = _record(asking, item, sample, Grade(None), 0.0)
    return record | {"output": None, "num_tokens": 0, "finish_reason": "error", "error": said(error.message)}


def _record(asking: Asking, item: Item, sample: int, grade: Grade, seconds: float) -> dict:
    return {
        "task": asking.name,
        "id": item.id,
        **({"sample": sample} if asking.task.mode == SAMPLES else {}),
        **({"subset": item.subset} if item.subset else {}),
        "prompt_hash": prompt_hash(item),
        "gold": item.gold,
        "extracted": grade.extracted,
        "grade": grade.score,
        **({"facts": grade.facts} if grade.facts else {}),
        "seconds": round(seconds, 3),
    }
