"""ARC-Easy, dev: 567 of 570 questions (those with four options)."""

from zhinao.evaluate.tasks._arc import task

TASK = task("arc-e", "ARC-e", 567, "ARC-e/ARC-Easy-Dev.jsonl", "ARC-Easy-Dev.jsonl")
