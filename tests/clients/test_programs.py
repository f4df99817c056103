"""Clients that are no Python packages: Java's HttpClient and curl, both offering HTTP/2; and what the Codex CLI sends."""

import json
import shutil
import subprocess
from pathlib import Path

import openai
import pytest

from tests.clients.conftest import NAME
from tests.serve import codex

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java (OpenJDK 11 or later) is installed")
def test_java_s_own_client(server):
    """Default settings; each request whole and as a stream, with a short and a long body, over one connection."""
    file = Path(__file__).with_name("Client.java")
    run = subprocess.run(["java", str(file), server, NAME], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    wholes = [line for line in lines if line.startswith("whole ")]
    assert len(wholes) == 2 and all(line.startswith("whole 200 HTTP_1_1 {") for line in wholes), run.stdout
    answer = json.loads(wholes[0].removeprefix("whole 200 HTTP_1_1 "))
    assert answer["choices"][0]["message"]["content"]
    assert lines.count("stream 200") == 2 and lines.count("line data: [DONE]") == 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("is_stream", [False, True])
def test_curl_that_prefers_http2(server, is_stream):
    body = {"model": NAME, "messages": FRANCE, "temperature": 0, "max_tokens": 8, "stream": is_stream}
    words = ["curl", "-sSN", "--http2", "--noproxy", "*", "-m", "60", "-H", "Content-Type: application/json"]
    url = f"{server}/v1/chat/completions"
    run = subprocess.run([*words, "-d", json.dumps(body), url, url], capture_output=True, text=True)
    assert run.stdout.count("[DONE]" if is_stream else '"chat.completion"') == 2, run.stdout + run.stderr


@pytest.mark.parametrize("items", [codex.FIRST, codex.LATER], ids=["first turn", "later turn"])
def test_what_codex_sends(server, items):
    """By the openai package, whose types check every event on its way back."""
    with openai.OpenAI(base_url=f"{server}/v1", api_key="EMPTY", max_retries=0, timeout=120) as client:
        answer = client.responses.with_raw_response.create(
            **codex.request(NAME, items, temperature=0, max_output_tokens=24)
        )
        events = list(answer.parse())
    assert "tools.local_shell" in answer.headers["x-zhinao-ignored"]
    assert events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete")
    assert events[-1].response.usage.input_tokens > 100 and events[-1].response.output
