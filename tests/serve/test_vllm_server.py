"""`zhinao serve --engine vllm` for real: one server, started as a user starts it, asked for everything that we add to vLLM."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from zhinao import machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]
KEY = {"Authorization": "Bearer secret-of-ann"}
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
OPENED = [*QUESTION, {"role": "assistant", "content": "<think>\nhm, "}]
THOUGHT, ANSWER = "[a-z]{3,12}", r"[A-Z][a-z]{3,12}\."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
CALL = r'<tool_call>\n\{"name": "weather", "arguments": \{"city": "(Paris|Rome)"\}\}\n</tool_call>'


@pytest.fixture(scope="module")
def server(tmp_path_factory, demo):
    """The process and the address. Grammars hold from the first token, so that the demo model can be made to think."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "keys").write_text("ann:secret-of-ann\n")
    (folder / "keys").chmod(0o600)
    port = machine.free_port()
    ours = ["--engine", "vllm", "--port", str(port), "--cache-gb", "0.3", "--api-key-file", str(folder / "keys")]
    further = ["--max-model-len", "1024", "--reasoning-parser", "zhinao"]
    further += ["--structured-outputs-config", '{"enable_in_reasoning": true}']
    command = [sys.executable, "-m", "zhinao", "serve", str(demo), *ours, *further]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address, folder / "log")
        yield process, address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the session that was started above, and nothing else
        process.wait()


def _wait(process, address, log):
    for _ in range(900):
        assert process.poll() is None, log.read_text()[-5000:]
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail(log.read_text()[-5000:])


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server[1], headers=KEY, timeout=120) as made:
        yield made


def chat(client, **fields) -> dict:
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 80, **fields}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]


def streamed(client, **fields) -> dict:
    """The joined deltas of a stream, and how it ended."""
    found = {"reasoning": "", "reasoning_content": "", "content": "", "arguments": "", "name": None, "finish": None}
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 80, "stream": True, **fields}
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                (choice,) = json.loads(line[6:])["choices"]
                for name in ("reasoning", "reasoning_content", "content"):
                    found[name] += choice["delta"].get(name) or ""
                for part in choice["delta"].get("tool_calls", ()):
                    found["name"] = part["function"].get("name") or found["name"]
                    found["arguments"] += part["function"].get("arguments") or ""
                found["finish"] = choice.get("finish_reason") or found["finish"]
    return found


def grammar(pattern: str) -> dict:
    return {"structured_outputs": {"regex": pattern}}


def test_the_page_and_the_names(client):
    page = client.get("/")
    assert page.status_code == 200 and "<!doctype html>" in page.text.lower()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert "SmolLM2-135M-Instruct" in names, "as the publisher calls it"


def test_a_key_is_wanted_on_every_route(server):
    for path in ("/v1/chat/completions", "/tokenize", "/invocations"):  # vLLM's own --api-key leaves the last two open
        response = httpx.post(f"{server[1]}{path}", json={"messages": QUESTION})
        assert (response.status_code, response.json()["error"]["code"]) == (401, "missing_api_key")
    assert httpx.get(f"{server[1]}/").status_code == 200


def test_the_readme_s_request(client):
    choice = chat(
        client,
        model="SmolLM2-135M-Instruct",
        top_k=-1,
        top_p=0.8,
        temperature=1.0,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        stop=["<eod>", "<|im_end|>", "<|im_start|>"],
    )
    assert choice["message"]["content"] and choice["message"]["reasoning_content"] is None, "it does not think"


@pytest.mark.parametrize(
    ("messages", "pattern"),
    [(QUESTION, rf"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"), (OPENED, rf"{THOUGHT}\n</think>\n\n{ANSWER}")],
    ids=["by the model", "in the prompt"],
)
def test_a_thought_opened(client, messages, pattern):
    fields = {"messages": messages, **grammar(pattern)}
    if messages is OPENED:
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    message, stream = chat(client, **fields)["message"], streamed(client, **fields)
    assert message["reasoning"].isalpha() and message["reasoning"] == message["reasoning_content"]
    assert message["content"].endswith(".") and message["content"][0].isupper()
    assert stream["reasoning"] == stream["reasoning_content"] == message["reasoning"]
    assert stream["content"] == message["content"]


def test_a_thought_that_does_not_end_is_no_answer(client):
    fields = {"messages": OPENED, "continue_final_message": True, "add_generation_prompt": False, "max_tokens": 6}
    choice, stream = chat(client, **fields), streamed(client, **fields)
    assert choice["finish_reason"] == stream["finish"] == "length"
    assert choice["message"]["content"] is None and stream["content"] == ""
    assert choice["message"]["reasoning_content"].strip() == stream["reasoning_content"].strip() != ""


def test_a_thought_ends_where_its_budget_does(client):
    fields = {"messages": OPENED, "continue_final_message": True, "add_generation_prompt": False, "max_tokens": 60}
    choice = chat(client, thinking_budget=12, **fields)
    assert 0 < len(choice["message"]["reasoning"]) < 100 and choice["message"]["content"]


def test_a_tool_call_is_parsed(client):
    fields = {"tools": TOOLS, **grammar(CALL)}
    choice, stream = chat(client, **fields), streamed(client, **fields)
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == stream["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == json.loads(stream["arguments"])
    assert json.loads(stream["arguments"])["city"] in ("Paris", "Rome")
    assert choice["finish_reason"] == stream["finish"] == "tool_calls" and not stream["content"]


def test_the_model_is_told_of_tools(client):
    tokens = client.post("/tokenize", json={"messages": QUESTION, "tools": TOOLS}).json()["tokens"]
    prompt = client.post("/detokenize", json={"tokens": tokens}).json()["prompt"]
    assert '<tools>\n{"type": "function", "function": {"name": "weather"' in prompt


def test_it_stops_at_every_stop_token_of_the_family(client, demo):
    from zhinao.model.tokenizer import Tokenizer

    control = Tokenizer.load(demo).control_tokens
    for token in ("<|im_start|>", "<|im_end|>"):
        choice = chat(client, logit_bias={str(control[token]): 100}, max_tokens=5)
        assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", None), token


def test_sigterm_lets_a_running_request_finish(server, client):
    process, found = server[0], {}
    fields = {"ignore_eos": True, "max_tokens": 100}
    request = threading.Thread(target=lambda: found.update(streamed(client, **fields)))
    request.start()
    _until_running(client)
    process.send_signal(signal.SIGTERM)
    request.join()
    assert found["finish"] == "length"
    assert process.wait(60) is not None


def _until_running(client):
    for _ in range(1000):
        lines = client.get("/metrics").text.splitlines()
        if any(line.startswith("vllm:num_requests_running{") and line.endswith(" 1.0") for line in lines):
            return
        time.sleep(0.02)
    pytest.fail("the request never ran")
