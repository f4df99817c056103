"""The two calls of the upstream README, as they stand there. Port and model name come from the server's flags."""

import json
import subprocess
import sys

CURL = """
curl http://localhost:8360/v1/chat/completions \\
-H "Content-Type: application/json" \\
-d '{
    "model": "360Zhinao3-7B-O1.5",
    "max_tokens": 200,
    "top_k": -1,
    "top_p": 0.8,
    "temperature": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "你好"}
    ],
    "stop": [
        "<eod>",
        "<|im_end|>",
        "<|im_start|>"
    ]
}'
"""

PYTHON = """
from openai import OpenAI
# Set OpenAI's API key and API base to use vLLM's API server.
openai_api_key = "EMPTY"
openai_api_base = "http://localhost:8360/v1"

client = OpenAI(
    api_key=openai_api_key,
    base_url=openai_api_base,
)

chat_response = client.chat.completions.create(
    model="360Zhinao3-7B-O1.5",
    messages=[
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "你好"},
    ],
    stop=[
        "<eod>",
        "<|im_end|>",
        "<|im_start|>"
    ],
    presence_penalty=0.0,
    frequency_penalty=0.0
)
print("Chat response:", chat_response)
"""


def at(server: str, code: str) -> str:
    """The code for the server's port, which is the README's own wherever that is free."""
    return code.replace("localhost:8360", f"localhost:{server.rpartition(':')[2]}")


def test_curl(server):
    shown = subprocess.run(["bash", "-c", at(server, CURL)], capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(shown.stdout)
    assert answer["object"] == "chat.completion" and answer["model"] == "360Zhinao3-7B-O1.5"
    assert answer["choices"][0]["message"]["content"].strip()
    assert 1 <= answer["usage"]["completion_tokens"] <= 200


def test_python(server):
    command = [sys.executable, "-c", at(server, PYTHON)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    assert shown.stdout.startswith("Chat response: ChatCompletion(id='chatcmpl-")
    assert "finish_reason='stop'" in shown.stdout or "finish_reason='length'" in shown.stdout
