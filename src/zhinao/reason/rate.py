"""Pass rates of problems, and their buckets of difficulty. Draws nothing itself."""

from collections import Counter
from collections.abc import Sequence

from zhinao.reason.draws import Draw
from zhinao.reason.problem_files import Problem

BUCKETS = ("never", "hard", "medium", "easy", "always")


def bucket(pass_rate: float) -> str:
    """never: 0; hard: up to a quarter; medium: up to three quarters; easy: below 1; always: 1."""
    if pass_rate in (0, 1):
        return "always" if pass_rate else "never"
    return "hard" if pass_rate <= 0.25 else "medium" if pass_rate <= 0.75 else "easy"


def rated(problem: Problem, draws: Sequence[Draw]) -> dict:
    """The record as it came, with what was found; an answer of which nothing could be told counts as wrong, and is shown."""
    num_right = sum(one.grade == 1 for one in draws)
    rate = num_right / len(draws)
    return problem.record | {
        "pass_rate": round(rate, 4),
        "num_samples": len(draws),
        "num_right": num_right,
        "num_not_told": sum(one.grade is None for one in draws),
        "num_cut_off": sum(not one.is_whole for one in draws),
        "bucket": bucket(rate),
    }


def counts(records: Sequence[dict]) -> dict[str, int]:
    found = Counter(record["bucket"] for record in records)
    return {name: found[name] for name in BUCKETS}
