"""AIME 2025: 30 problems whose answers are whole numbers."""

from zhinao.evaluate.tasks._thinking import aime_task

TASK = aime_task("aime25", "AIME25", "aime25.json")
