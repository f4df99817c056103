"""The measurements of servers from beginning to end, in their short forms: they run, and say what they saw."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds on a quiet machine


def run(script: str, *words: str) -> str:
    done = subprocess.run([sys.executable, str(BENCHMARKS / script), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_our_servers_and_the_engine_alone(tmp_path):
    words = ["--quick", "--levels", "1", "2", "--keep-seconds", "0.1", "--rounds", "2"]  # kept: paused between turns
    out = run("serve_peers.py", *words, "--work", str(tmp_path), "--json", str(tmp_path / "found.json"))
    assert "| zhinao int8 | 2 | 2 |" in out and "| engine alone bf16, in process | 2 | 2 |" in out
    found = json.loads((tmp_path / "found.json").read_text())["servers"]["zhinao int8"]
    assert len(found["starts"]) == 1 and found["summary"]["2"]["tokens_per_second"] > 0
    assert found["summary"]["2"]["server_cpu_ms_per_token"] > 0 and found["summary"]["2"]["peak_mb"] > 100
    assert {answer["num_prompt"] for wave in found["levels"]["2"] for answer in wave["answers"]} == {128}


def test_second_turns():
    out = run("multi_turn.py", "--history", "400", "--num-new", "8", "--conversations", "1", "--goal", "10")
    assert "| first | 400 |" in out and "reached" in out


@pytest.mark.long
def test_the_soak_survives_a_killed_engine():
    out = run(
        "soak.py", "--minutes", "0.3", "--clients", "8", "--kills", "1", "--bound", "400", "--restart-seconds", "400"
    )
    assert "nothing wrong" in out and "engine killed 1 times" in out and "| answered |" in out
