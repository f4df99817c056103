"""`/v1/completions` and the routes that run nothing, on an engine that says what is written down."""

import pytest

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import events, running


def complete(client, prompt="Once", **fields):
    return client.post("/v1/completions", json={"prompt": prompt, **fields})


def test_text_and_stream():
    with running(fake_model([" upon", " upon"])) as client:
        answer = complete(client).json()
        assert (answer["object"], answer["choices"][0]["text"]) == ("text_completion", " upon")
        streamed = events(complete(client, stream=True))
    assert "".join(e["choices"][0]["text"] for e in streamed[:-1]) == " upon"
    assert streamed[-2]["choices"][0]["finish_reason"] == "stop"


def test_forms_of_prompts():
    for prompt, expected in (("ab", 1), ([97, 98], 1), (["a", "b"], 2), ([[97], [98]], 2)):
        with running(fake_model(lambda text: text.upper())) as client:
            choices = complete(client, prompt).json()["choices"]
        assert [c["index"] for c in choices] == list(range(expected))
        assert "".join(c["text"] for c in choices) == "AB"


def test_several_prompts_with_several_answers():
    with running(fake_model(lambda text: text.upper())) as client:
        choices = complete(client, ["a", "b"], n=2).json()["choices"]
    assert [c["text"] for c in choices] == ["A", "A", "B", "B"]


def test_control_tokens_in_raw_prompts():
    model = fake_model(["x"])
    with running(model) as client:
        complete(client, "<|im_start|>user\nhi<|im_end|>\n")
        counted = client.post("/tokenize", json={"prompt": "<|im_end|>a", "return_token_strs": True}).json()
    assert (
        model.tokenizer.control_tokens["<|im_start|>"] == model.tokenizer.encode(model.engine.requests[0][0], True)[0]
    )
    assert counted["count"] == 2 and counted["token_strs"] == ["<|im_end|>", "a"]


@pytest.mark.parametrize("max_tokens", [0, 3])
def test_echo_with_likelihoods(max_tokens):
    with running(fake_model(lambda _: "xyz…")) as client:
        choice = complete(client, "ab", echo=True, logprobs=1, max_tokens=max_tokens).json()["choices"][0]
    logprobs = choice["logprobs"]
    assert choice["text"] == "ab" + "xyz"[:max_tokens] == "".join(logprobs["tokens"])
    assert logprobs["token_logprobs"] == [None, -1.0] + [-0.5] * max_tokens
    assert logprobs["text_offset"] == list(range(2 + max_tokens))
    assert logprobs["top_logprobs"][1] == {"b": -1.0}


def test_echo_in_a_stream():
    with running(fake_model(lambda _: "xyz")) as client:
        found = events(complete(client, "ab", echo=True, logprobs=1, stream=True))[:-1]
    assert "".join(e["choices"][0]["text"] for e in found) == "abxyz"
    assert found[0]["choices"][0]["logprobs"]["token_logprobs"] == [None, -1.0]


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("suffix", {"suffix": "x"}),
        ("best_of", {"best_of": 3}),
        ("logprobs", {"logprobs": 5}),
        ("prompt", {"prompt": []}),
    ],
)
def test_refusals(param, fields):
    with running(fake_model(["x"])) as client:
        response = client.post("/v1/completions", json={"prompt": "a", **fields})
    assert response.status_code == 400 and response.json()["error"]["param"] == param


def test_routes_that_run_nothing():
    model = fake_model([], sampling={"temperature": 0.3})
    messages = [{"role": "user", "content": "你好"}]
    with running(model, names=("a", "b")) as client:
        assert [m["id"] for m in client.get("/v1/models").json()["data"]] == ["a", "b"]
        assert client.get("/v1/models/b").json()["max_model_len"] == 100_000
        assert client.get("/v1/models/c").status_code == 404
        rendered = client.post("/v1/chat/completions/render", json={"messages": messages}).json()
        counted = client.post("/tokenize", json={"messages": messages}).json()
        back = client.post("/detokenize", json={"tokens": counted["tokens"]}).json()
        assert back["prompt"] == rendered["prompt"] and counted["tokens"] == rendered["token_ids"]
        assert client.post("/detokenize", json={"tokens": [10**9]}).status_code == 400
        assert client.post("/tokenize", json={}).status_code == 400
        assert client.get("/props").json()["defaults"]["temperature"] == 0.3
        assert client.get("/props").json()["languages"] == []
        assert client.get("/version").json().keys() == {"version"}
        assert "vllm:num_requests_running" in client.get("/metrics").text
    assert not model.engine.requests
