"""The two calls of the publisher's README, as they stand there. Port and model name come from the server's flags."""

import json
import subprocess
import sys

from tests.code_blocks import replaced


def at(server: str, code: str) -> str:
    """The code for the server's port, which is the README's own wherever that is free."""
    return replaced(code, [("localhost:8360", f"localhost:{server.rpartition(':')[2]}")])


def test_curl(server, publishers):
    command = ["bash", "-c", at(server, publishers["curl"].text)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(shown.stdout)
    assert answer["object"] == "chat.completion" and answer["model"] == "360Zhinao3-7B-O1.5"
    assert answer["choices"][0]["message"]["content"].strip()
    assert 1 <= answer["usage"]["completion_tokens"] <= 200


def test_python(server, publishers):
    command = [sys.executable, "-c", at(server, publishers["client"].text)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    assert shown.stdout.startswith("Chat response: ChatCompletion(id='chatcmpl-")
    assert "finish_reason='stop'" in shown.stdout or "finish_reason='length'" in shown.stdout
