"""Grades that several benchmarks share; what they compare is found by `score/`."""

from zhinao.evaluate.task import Item
from zhinao.score.grade import Grade


def first_letter(item: Item, output: str) -> Grade:
    """The first capital anywhere in the output, whatever letter it is."""
    from zhinao.score.choices import first_capital

    chosen = first_capital(output, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return Grade(float(chosen == item.gold), chosen)


def boxed(item: Item, output: str) -> Grade:
    """The last box after the last thought, as Light-R1 checks it."""
    from zhinao.score.mathematics import grade_math

    return grade_math(item.gold, output)
