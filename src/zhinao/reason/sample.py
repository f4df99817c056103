"""Rejection sampling: of a model's answers the right ones, each once, kept by rule; and pairs of right and wrong ones."""

import re
from collections.abc import Iterator, Sequence

from zhinao.data.read import formats
from zhinao.data.sample import Place, Sample
from zhinao.reason.draws import Draw
from zhinao.reason.problem_files import Problem
from zhinao.score.rewards.thought import parts

_NOWHERE = Place("", None, 1)


def kept(draws: Sequence[Draw], rule: str, most: int) -> list[Draw]:
    """Right answers that came to their end, none twice but for blanks: at most `most`; where that is 0 one, by "all" every one."""
    found = {_plain(one.output): one for one in reversed(draws) if one.grade == 1 and one.is_whole}
    right = list(reversed(found.values()))
    if rule == "shortest":
        right.sort(key=lambda one: len(one.output))
    return right if rule == "all" and not most else right[: most or 1]


def wrong(draws: Sequence[Draw]) -> list[Draw]:
    """Wrong answers that came to their end, each once; those of which nothing could be told teach nothing."""
    return list({_plain(one.output): one for one in draws if one.grade == 0 and one.is_whole}.values())


def conversation(problem: Problem, one: Draw) -> dict:
    """As `zhinao finetune` takes it: the thought in `reasoning_content`."""
    return formats.write(Sample("chat", _NOWHERE, messages=[*problem.messages, answer(one)]), "messages")


def pairs(problem: Problem, right: Sequence[Draw], bad: Sequence[Draw]) -> Iterator[dict]:
    """As `zhinao prefer` takes them: each kept right answer beside another wrong one."""
    for chosen, rejected in zip(right, bad, strict=False):
        sample = Sample(
            "preference",
            _NOWHERE,
            messages=list(problem.messages),
            chosen=[answer(chosen)],
            rejected=[answer(rejected)],
        )
        yield formats.write(sample, "preference")


def answer(one: Draw) -> dict:
    found = parts(one.output)
    thought = found.thought.strip() if found.thought else ""
    message = {"role": "assistant", "content": (found.answer or "").strip()}
    return message | ({"reasoning_content": thought} if thought else {})


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
