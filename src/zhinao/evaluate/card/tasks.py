"""The probes as tasks, so that a run asks, writes and goes on with them like any benchmark. Grades that need more than text come later."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from zhinao.evaluate.card import probes, rules
from zhinao.evaluate.task import GENERATION, Item, Task
from zhinao.score.grade import Grade

STOPS, SYSTEM, LANGUAGE, LOOPS = "stops", "system-prompt", "language", "loops"
_MOST = 256  # tokens: short answers need a tenth of it


def all_of(encode: Callable[[str], Sequence[int]]) -> dict[str, Task]:
    """By name. `encode`: the model's tokenizer, by which loops are found."""
    return {
        STOPS: _task(STOPS, "ends by itself within 256 tokens", _stops, _as_it_comes),
        SYSTEM: _task(SYSTEM, "keeps a rule that the system prompt sets", _system, _by_rule),
        LANGUAGE: _task(LANGUAGE, "answers in the language of the question", _language, _by_rule),
        LOOPS: _task(
            LOOPS, "does not repeat itself word for word within 512 tokens", _loops, partial(_free, encode), 512
        ),
    }


def grade(record: dict) -> float:
    """Of a record of a probe or a benchmark: whether it stopped is known from how it ended alone."""
    if record["task"] == STOPS:
        return float(record["finish_reason"] == "stop")
    return float(record["grade"] or 0.0)


def _task(name: str, protocol: str, items: Callable, grade: Callable, most: int = _MOST) -> Task:
    return Task(
        name=name,
        title=name,
        language="zh, en",
        protocol=f"20 questions of zhinao's own, greedy: {protocol}",
        mode=GENERATION,
        folder="",
        items=lambda folder: items(),
        num_items=20,
        grade=grade,
        max_tokens=most,
    )


def items_of(task: Task) -> list[Item]:
    return list(task.items(Path()))


def _asked(question: str, system: str = "") -> tuple[dict, ...]:
    first = ({"role": "system", "content": system},) if system else ()
    return (*first, {"role": "user", "content": question})


def _stops() -> Iterator[Item]:
    return (Item(id=f"{STOPS}/{n}", prompt=_asked(question)) for n, question in enumerate(probes.STOPS, 1))


def _system() -> Iterator[Item]:
    for n, (system, question, rule, wanted) in enumerate(probes.SYSTEM, 1):
        facts = {"rule": rule, "wanted": wanted}
        yield Item(id=f"{SYSTEM}/{n}", prompt=_asked(question, system), gold=f"{rule} {wanted}".strip(), facts=facts)


def _language() -> Iterator[Item]:
    for n, (question, rule) in enumerate(probes.LANGUAGE, 1):
        yield Item(id=f"{LANGUAGE}/{n}", prompt=_asked(question), gold=rule, facts={"rule": rule, "wanted": ""})


def _loops() -> Iterator[Item]:
    return (Item(id=f"{LOOPS}/{n}", prompt=_asked(question)) for n, question in enumerate(probes.LOOPS, 1))


def _as_it_comes(item: Item, output: str) -> Grade:
    return Grade(None, rules.answer(output)[:80])


def _by_rule(item: Item, output: str) -> Grade:
    kept = rules.keeps(item.facts["rule"], item.facts["wanted"], output)
    return Grade(float(kept), rules.answer(output)[:80])


def _free(encode: Callable[[str], Sequence[int]], item: Item, output: str) -> Grade:
    return Grade(float(bool(output.strip()) and not rules.loops(encode, output)), rules.answer(output)[:80])
