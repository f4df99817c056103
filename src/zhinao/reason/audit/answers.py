"""Two verifiers on given answers: where they agree, where not, and how many right answers ours refuses."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zhinao.data.sample import DataError
from zhinao.lang import tr
from zhinao.reason.audit import numeric
from zhinao.score.mathematics import Verifier

OUTPUTS, GOLDS, LABEL = ("output", "completion", "response"), ("gold", "answer"), "is_right"


@dataclass(frozen=True)
class Judged:
    """Verdicts on one answer; None: cannot tell. `label`: what a person says, where the record has it."""

    line: int
    gold: str
    output: str
    symbolic: bool | None
    numeric: bool | None
    label: bool | None

    @property
    def disagrees(self) -> bool:
        return None not in (self.symbolic, self.numeric) and self.symbolic != self.numeric


def judge(file: Path, is_thought_open: bool = False) -> Iterator[Judged]:
    """Raises DataError with file and line for what is no answer with its gold."""
    with Verifier() as verifier:
        for line, gold, output, label in _records(file):
            score = verifier.grade(gold, output, thinking=is_thought_open).score
            ours = None if score is None else score == 1
            yield Judged(line, gold, output, ours, numeric.verdict(gold, output, is_thought_open), label)


def summary(found: list[Judged]) -> dict:
    """Counts of both verdicts; `false_negative_rate` of ours among what the other (or, where labels are there, a person) calls right."""
    table = Counter(f"{_name(one.symbolic)}/{_name(one.numeric)}" for one in found)
    labels = [one for one in found if one.label is not None]
    judged = {
        "numeric": [(one.symbolic, one.numeric) for one in found],
        "label": [(one.symbolic, one.label) for one in labels],
    }
    return {
        "num_answers": len(found),
        "symbolic/numeric": dict(table),
        "num_disagreements": sum(one.disagrees for one in found),
        "false_negative_rate": {name: _refused(pairs, True) for name, pairs in judged.items()},
        "false_positive_rate": {name: _refused(pairs, False) for name, pairs in judged.items()},
    }


def _refused(pairs: list[tuple], truth: bool) -> float | None:
    """Share of ours that says otherwise, among those where the truth is `truth`."""
    ours = [mine for mine, theirs in pairs if theirs is truth]
    return round(sum((mine is True) is not truth for mine in ours) / len(ours), 4) if ours else None


def _name(verdict: bool | None) -> str:
    return {True: "right", False: "wrong", None: "not told"}[verdict]


def _records(file: Path) -> Iterator[tuple[int, str, str, bool | None]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(tr(f"{file} cannot be read ({error}).", f"无法读取 {file}（{error}）。")) from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, *_record(file, number, line)


def _record(file: Path, number: int, line: str) -> tuple[str, str, bool | None]:
    try:
        record = json.loads(line)
        output = next(record[name] for name in OUTPUTS if isinstance(record.get(name), str))
        gold = next(record[name] for name in GOLDS if record.get(name) not in (None, ""))
        label = record.get(LABEL)
        return str(gold), output, label if isinstance(label, bool) else None
    except (ValueError, AttributeError, StopIteration):
        names = ", ".join((OUTPUTS[0], GOLDS[0]))
        raise DataError(
            tr(
                f"{file}, line {number}: no answer with its gold ({names}).",
                f"{file} 第 {number} 行：不是回答与参考答案（{names}）。",
            )
        ) from None
