"""AIME 2024: 30 problems whose answers are whole numbers."""

from zhinao.evaluate.tasks._thinking import aime_task

TASK = aime_task("aime24", "AIME24", "aime.json", "aime24.json")
