"""Real clients against the real server. They live in an environment of their own (`make test-clients`); elsewhere nothing is collected.

The server runs by $ZHINAO_PYTHON, the interpreter of the environment that has zhinao.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

NEEDS = {
    "test_openai.py": "openai",
    "test_upstream_readme.py": "openai",
    "test_litellm.py": "litellm",
    "test_langchain.py": "langchain_openai",
    "test_agents.py": "agents",
    "test_programs.py": "openai",
    "test_lm_eval.py": "tenacity",  # what its API models need; lm-eval itself is in the environment of the other tests, too
    "test_fuzz.py": "schemathesis",
    "test_grammar_fuzz.py": "jsonschema",
    "test_vllm_bench.py": "vllm",
}
collect_ignore = [file for file, package in NEEDS.items() if importlib.util.find_spec(package) is None]

ROOT = Path(__file__).parents[2]
NAME = "360Zhinao3-7B-O1.5"  # what the upstream README calls the model; ours is the demo model


def zhinao_python() -> str:
    return os.environ.get("ZHINAO_PYTHON", sys.executable)


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody has it."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as listening:
            return listening.getsockname()[1]
    except OSError:
        return free_port()


def wait_until_ready(process: subprocess.Popen, url: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not get ready")


@pytest.fixture(scope="session")
def run_server(tmp_path_factory):
    """`run_server(words, port) -> url` starts a process of the environment that has zhinao; all end with the tests."""
    processes = []

    def starting(words: list[str], port: int) -> str:
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        log = tmp_path_factory.mktemp("server") / "log"
        with log.open("wb") as lines:
            process = subprocess.Popen([zhinao_python(), *words], env=environ, stdout=lines, stderr=lines, cwd=ROOT)
        processes.append((process, log))
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        return f"http://127.0.0.1:{port}"

    yield starting
    for process, log in processes:
        process.terminate()
        process.wait(60)
        assert "failed\n" not in log.read_text(errors="replace"), log.read_text(errors="replace")[-5000:]


@pytest.fixture(scope="session")
def server(run_server) -> str:
    """Address of `zhinao serve` with the demo model, on the README's port where it is free; or of $ZHINAO_SERVER."""
    if "ZHINAO_SERVER" in os.environ:
        return os.environ["ZHINAO_SERVER"]
    port = free_port(8360)
    # one: likelihoods are compared with those of an engine as `zhinao.load` sets it up
    words = ["-m", "zhinao", "serve", "smollm2-135m", "--port", str(port), "--served-model-name", NAME]
    return run_server([*words, "--tuned-for", "one"], port)


@pytest.fixture(scope="session")
def post(server):
    """`post(path, **body)`: a plain request, to compare a client's answer with."""

    def posting(path: str, **body):
        request = urllib.request.Request(server + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    return posting
