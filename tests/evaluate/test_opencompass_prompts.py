"""What a model is given here against what OpenCompass gives it, on the hand-written samples.

`opencompass_prompts.json` holds digests of the tool's own prompts (version 0.5.4, written by `opencompass_prompts.py`, which runs its
readers, templates and retrievers). Where `ZHINAO_OPENCOMPASS` names a python that has it, the tool is asked again.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from zhinao.evaluate import tasks

HERE = Path(__file__).parent
THEIRS = json.loads((HERE / "opencompass_prompts.json").read_text())


def digest(texts) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def ours(reading: str) -> dict[str, str]:
    """Of each item, by its number (and subject); a task without variants follows one configuration."""
    name, _, config = reading.partition("@")
    task = tasks.find(reading) or tasks.find(name)
    assert config in task.protocol
    items = list(task.items(HERE / "data" / task.folder))
    return {item.id if item.subset else str(n): digest(item.choices or [item.prompt]) for n, item in enumerate(items)}


@pytest.mark.parametrize("reading", THEIRS)
def test_opencompass_gives_the_same(reading):
    assert ours(reading) == THEIRS[reading]


@pytest.mark.slow
def test_the_digests_are_those_of_the_tool():
    if not (python := os.environ.get("ZHINAO_OPENCOMPASS")):
        pytest.skip("ZHINAO_OPENCOMPASS names no python with opencompass")
    command = [python, HERE / "opencompass_prompts.py", HERE / "data", "9"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout.split("\n")[-2]) == THEIRS
