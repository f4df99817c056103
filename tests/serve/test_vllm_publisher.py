"""The publisher's README on vLLM of today: its command starts a server of a published checkpoint with no file copied into vLLM.

Runs in vLLM's environment (`make test-vllm`), which has the client's package too. `tests/publisher.py` says what runs where.
"""

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.code_blocks import blocks, commands, replaced
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]
ROOT = Path(__file__).parents[2]


def test_the_line_for_vllm_is_not_needed(publishers):
    """Read as the entry of vLLM's table that it is: the plugin has made the same one."""
    from vllm import ModelRegistry
    from vllm.plugins import load_general_plugins

    load_general_plugins()
    (entry,) = eval("{" + publishers["registry"].text + "}")
    assert entry in ModelRegistry.get_supported_archs()


def test_flags_that_our_pages_give_to_vllm():
    """What `zhinao serve --engine vllm` passes on is read by vLLM's own parser."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from zhinao.cli import build_parser

    parser, number = make_arg_parser(FlexibleArgumentParser()), 0
    for page in (ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))):
        for line in (line for block in blocks(page) for line in commands(block.text) if "--engine vllm" in line):
            words = shlex.split(line)
            args, rest = build_parser("serve").parse_known_args(words[words.index("zhinao") + 1 :])
            assert args.engine == "vllm" and parser.parse_args(rest), line
            number += 1
    assert number


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A tiny random checkpoint in the published form, with a tokenizer of its own that must not run."""
    folder = tmp_path_factory.mktemp("published")
    make_tokenizer(make_checkpoint(folder, hidden_size=192, max_position_embeddings=512))
    (folder / "tokenization_zhinao.py").write_text("raise SystemExit('remote code was run')")
    return folder


@pytest.fixture(scope="module")
def port(publishers, published, tmp_path_factory):
    """The publisher's command, running; its port."""
    port = machine.free_port()
    table = [
        ("--model qihoo360/360Zhinao3-7B-O1.5", f"--model {published}"),
        ("--port 8360", f"--port {port}"),
        ("--host 0.0.0.0", "--host 127.0.0.1"),
        (
            "--tensor-parallel-size 4",
            "--tensor-parallel-size 1 --enforce-eager",
        ),  # nothing is compiled for a tiny model
    ]
    (line,) = commands(replaced(publishers["server"].text, table))
    log = tmp_path_factory.mktemp("server") / "log"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as lines:
        process = subprocess.Popen(shlex.split(line), env=environ, stdout=lines, stderr=lines)
    try:
        wait(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def wait(process: subprocess.Popen, port: int, log: Path) -> None:
    end = time.monotonic() + 500
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-5000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(log.read_text(errors="replace")[-5000:])


def test_the_command_and_its_clients(publishers, port):
    """The publisher's curl, and its Python client where the package is there. Our server is asked in `tests/clients`."""
    table = [("localhost:8360", f"127.0.0.1:{port}")]
    curl = replaced(publishers["curl"].text, table)
    shown = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(shown.stdout)
    assert answer["model"] == "360Zhinao3-7B-O1.5" and 1 <= answer["usage"]["completion_tokens"] <= 200
    client = [sys.executable, "-c", replaced(publishers["client"].text, table)]
    shown = subprocess.run(client, capture_output=True, text=True, timeout=280, check=True)
    assert shown.stdout.startswith("Chat response: ChatCompletion(id='chatcmpl-")
