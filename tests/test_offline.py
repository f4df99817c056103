"""Offline means no socket: not by the command, not by the engine's process, not by a library's usage report."""

import os
import subprocess
import sys

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

# Loaded by every Python process of the run. A raised error could be swallowed, so attempts are written down as well.
GUARD = """
import os, sys
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "socket.sendto"):
        with open(os.environ["GUARD_LOG"], "a") as log:
            log.write(f"{event} {sys.argv}\\n")
        raise RuntimeError("a socket was asked for: " + event)
sys.addaudithook(hook)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    log = tmp_path / "sockets"

    def start(*words) -> tuple[subprocess.CompletedProcess, str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(tmp_path / "guard"),
            "GUARD_LOG": str(log),
            "ZHINAO_HOME": str(tmp_path / "home"),
        }
        done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, env=environment)
        return done, log.read_text() if log.exists() else ""

    return start


def test_the_guard_sees_sockets(run):
    done, attempts = run("-c", "import socket; socket.create_connection(('127.0.0.1', 9))")
    assert done.returncode and "socket.getaddrinfo" in attempts


def test_a_model_is_loaded_and_answers_without_a_socket(run, tmp_path):
    folder = make_checkpoint(tmp_path / "model")
    make_tokenizer(folder)
    for words in (["generate", folder, "hello", "--offline", "--max-tokens", "4"], ["models"], ["doctor"]):
        done, attempts = run("-m", "zhinao", *words)
        assert done.returncode == 0, done.stderr
        assert not attempts, attempts
