"""ARC-Challenge, dev: 295 of 299 questions (those with four options)."""

from zhinao.evaluate.tasks._arc import task

TASK = task("arc-c", "ARC-c", 295, "ARC-c/ARC-Challenge-Dev.jsonl", "ARC-Challenge-Dev.jsonl")
