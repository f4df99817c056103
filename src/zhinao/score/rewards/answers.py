"""Rewards for right answers: mathematics, choices, code. The graders are evaluation's own."""

from zhinao.score.rewards.thought import is_copied, parts

OPTIONS = "ABCDEFGHIJ"


def mathematics(prompt: str, completion: str, gold: str, *, is_thought_open: bool = False) -> float | None:
    """1.0 where the final answer equals gold, else 0.0; None where no verdict can be had. An unfinished thought
    and a piece of the prompt answer nothing."""
    from zhinao.score.mathematics import grade_math

    answer = parts(completion, is_thought_open).answer
    if answer is None or is_copied(answer, prompt):
        return 0.0
    return grade_math(gold, completion, thinking=is_thought_open).score


def choices(prompt: str, completion: str, gold: str, *, is_thought_open: bool = False) -> float:
    """1.0 where the answer names the letter `gold`, else 0.0."""
    from zhinao.score.choices import first_option

    answer = parts(completion, is_thought_open).answer
    return float(answer is not None and first_option(answer, OPTIONS) == gold.strip().upper())


def code(prompt: str, completion: str, gold: str, *, is_thought_open: bool = False) -> float | None:
    """1.0 where the program in the answer passes the asserts in `gold`, in the sandbox of `score/code`, else 0.0.

    Raises UsageError where no walls stand for it.
    """
    from zhinao.score.code import grade_code

    answer = parts(completion, is_thought_open).answer
    return 0.0 if answer is None else grade_code(gold, answer).score
