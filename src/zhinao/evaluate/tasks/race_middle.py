"""RACE, questions from middle schools, test."""

from zhinao.evaluate.tasks._race import task

TASK = task("middle", 1436)
