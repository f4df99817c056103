"""`make` speaks the language of the locale, and says how to get the command into a shell. Nothing is installed."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(*words: str, **locale: str) -> str:
    names = ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "LANG")
    environ = {name: value for name, value in os.environ.items() if name not in names and not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", *words], cwd=ROOT, env={**environ, **locale}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("locale", "is_chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, True),
        ({"LANGUAGE": "zh_CN:en", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({}, False),
    ],
)
def test_the_language_is_that_of_the_locale(locale, is_chinese):
    listed = make("help", **locale).splitlines()
    assert ("开始对话" in listed[0], "environment" in listed[0]) == (is_chinese, not is_chinese)
    assert all(line.startswith("make ") and "$" not in line for line in listed)


def test_the_way_to_the_command_is_told():
    planned = make("-n", "chat", "VENV=build/none", LANG="zh_CN.UTF-8")
    assert "source build/none/bin/activate" in planned and "正在安装 zhinao" in planned
