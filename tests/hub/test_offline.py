"""Offline opens no socket: the processes here cannot make one."""

import os
import subprocess
import sys

import pytest
from tests.tiny import make_checkpoint

from zhinao.hub import cache

# An audit hook sees sockets however they are made, and child processes (which it could not watch).
PROGRAM = """
import sys
def forbid(event, _):
    if event.startswith(("socket.", "subprocess.")):
        print("A SOCKET WAS OPENED", event, file=sys.stderr)
        raise RuntimeError(event)
sys.addaudithook(forbid)
from zhinao.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--lang", "en"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


WAYS = [
    (("--offline",), {}),
    ((), {"HF_HUB_OFFLINE": "1"}),
    ((), {"ZHINAO_OFFLINE": "true"}),
    ((), {"TRANSFORMERS_OFFLINE": "1"}),
]


@pytest.mark.parametrize(("flags", "environment"), WAYS)
@pytest.mark.parametrize("model", ["7b", "someone/tiny", "smollm2-135m"])
def test_a_kept_model_is_found_without_a_socket(model, flags, environment):
    make_checkpoint(cache.path(model))
    done = run("pull", model, *flags, **environment)
    assert done.returncode == 0, done.stderr
    assert str(cache.path(model)) in done.stdout and "SOCKET" not in done.stderr


@pytest.mark.parametrize(("flags", "environment"), WAYS)
@pytest.mark.parametrize("model", ["7b", "someone/tiny", "smollm2-135m"])
def test_an_absent_model_fails_without_a_socket(model, flags, environment):
    done = run("pull", model, *flags, **environment)
    assert done.returncode == 6 and "SOCKET" not in done.stderr
    assert f"{model} is not kept here" in done.stderr and f"zhinao pull {model}" in done.stderr


def test_the_trap_works():
    """Without --offline the same program does try."""
    done = run("pull", "someone/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode != 0 and "SOCKET" in done.stderr


def test_listing_needs_no_socket():
    make_checkpoint(cache.path("7b"))
    assert run("models").returncode == 0
