"""RACE, questions from high schools, test."""

from zhinao.evaluate.tasks._race import task

TASK = task("high", 3498)
