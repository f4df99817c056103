"""Bodies that no schema describes: broken text, broken JSON, absurd numbers, absurd depth. Each gets its 4xx in the API's shape."""

import itertools
import json

import pytest

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import chat, running, wait_for

ROUTES = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/tokenize",
    "/detokenize",
    "/v1/chat/completions/render",
)
BROKEN = {
    "empty": b"",
    "half": b'{"messages": [',
    "no object": b"[1]",
    "null": b"null",
    "a word": b'"x"',
    "not utf-8": b'{"prompt": "\xff\xfe"}',
    "utf-16": '{"prompt": "x"}'.encode("utf-16"),
    "two values": b"{}{}",
    "deep lists": b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "NaN": b'{"messages": NaN, "prompt": NaN, "input": NaN, "tokens": NaN}',
    "long number": b'{"prompt": ' + b"9" * 10_000 + b', "tokens": [' + b"9" * 10_000 + b"]}",
    "NUL": b"\x00" * 100,
}
MESSAGES = [{"role": "user", "content": "hi"}]
ABSURD = [
    {"temperature": float("nan")},
    {"temperature": float("inf")},
    {"top_p": 1e400},
    {"seed": 2**70},
    {"seed": -(2**70)},
    {"max_tokens": 2**70},
    {"min_tokens": 2**70},
    {"top_k": 2**70},
    {"n": 10**9},
    {"stop": ["x"] * 10_000},
    {"stop": ""},
    {"stop": ["", "\ud800"]},
    {"user": "\ud800"},
    {"messages": [{"role": "user", "content": "\ud800 lone"}]},
    {"messages": [{"role": "user", "content": ["x", None, {"type": "text"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]},
    {"messages": [{"role": 5, "content": {}}]},
    {"messages": [{"content": "x"}]},
    {"messages": []},
    {"messages": [{}]},
    {"model": "\x00\n"},
    {"\x00\n": 1, "ünbekannt": 2, "a,b": 3},
    {"tools": [{}]},
    {"tools": [{"type": "function", "function": {"name": "x" * 100_000}}]},
    {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "nonsense"}}}],
        "tool_choice": "required",
    },
    {"tool_choice": {"type": "function", "function": {"name": "missing"}}},
    {"response_format": {}},
    {"response_format": {"type": "json_schema"}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}},
    {"guided_regex": "("},
    {"guided_json": "{"},
    {"structured_outputs": {"json": {}, "regex": "a"}},
    {"chat_template_kwargs": {"messages": "x", "add_generation_prompt": [1]}},
    {"logprobs": True, "top_logprobs": 10**9},
    {"stream_options": {"include_usage": "yes"}},
    {"thinking_budget": 2**70},
]


@pytest.fixture(scope="module")
def client():
    replies = itertools.cycle(["hello", "<think>x</think>y"])
    with running(fake_model(lambda prompt: next(replies), thinks=True)) as made:
        yield made


def check(response, name) -> None:
    assert response.status_code < 500, (name, response.text)
    if response.status_code >= 400:
        error = response.json()["error"]
        assert set(error) == {"message", "type", "param", "code"} and error["message"], name


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bodies_are_refused(client, name):
    for route in ROUTES:
        response = client.post(route, content=BROKEN[name], headers={"Content-Type": "application/json"})
        assert response.status_code in (400, 413, 422), (route, response.status_code, response.text)
        check(response, route)


@pytest.mark.parametrize(
    "name, english, chinese",
    [
        ("half", "Expecting value", "请求体不是有效的 JSON"),
        ("not utf-8", "at 12: it is not UTF-8", "位置 12：不是 UTF-8"),
        ("utf-16", "it is not UTF-8", "不是 UTF-8"),
        ("deep lists", "nests too deeply", "嵌套过深"),
        ("deep objects", "nests too deeply", "嵌套过深"),
        ("long number", "too many digits", "位数过多"),
    ],
)
def test_what_cannot_be_read_is_no_json(client, name, english, chinese):
    for language, words in (("en", english), ("zh", chinese)):
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        response = client.post("/tokenize", content=BROKEN[name], headers=headers)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (400, "invalid_json") and words in error["message"], error


@pytest.mark.parametrize("fields", ABSURD, ids=lambda fields: str(fields)[:60])
@pytest.mark.parametrize("is_stream", [False, True])
def test_absurd_values_are_refused_or_harmless(client, fields, is_stream):
    body = json.dumps({"messages": MESSAGES, "max_tokens": 8, "stream": is_stream, **fields})
    response = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    check(response, fields)


@pytest.mark.parametrize("route", ROUTES)
def test_half_a_surrogate_pair_is_text_like_any_other(client, route):
    """Legal in JSON, not in UTF-8: it may come back only as U+FFFD or escaped."""
    text = "a\ud800b"
    messages = [{"role": "user", "content": text}]
    body = {"messages": messages, "prompt": text, "input": text, "tokens": [65], "echo": True, "max_tokens": 4}
    fields = ("messages",) if "chat" in route else {"/v1/responses": ("input",), "/detokenize": ("tokens",)}.get(route)
    body = {name: body[name] for name in fields or ("prompt",)}
    if route == "/v1/completions":
        body |= {"echo": True, "logprobs": 1, "max_tokens": 4}
    for more in ({}, {"stream": True}):
        response = client.post(route, content=json.dumps(body | more), headers={"Content-Type": "application/json"})
        assert response.status_code == 200, response.text


HALF = "x\ud800\x00"
EVERYWHERE = {
    "metadata": {HALF: HALF},
    "user": HALF,
    "safety_identifier": HALF,
    "prompt_cache_key": HALF,
    HALF: {HALF: [HALF]},
}
FUNCTION = {"name": "f", "description": HALF, "parameters": {"type": "object", "properties": {HALF: {"enum": [HALF]}}}}
SCHEMA = {"type": "object", "properties": {HALF: {"type": "string"}}, "description": HALF}
ROUGH = {
    "/v1/responses": {
        "input": [{"role": "user", "content": HALF}],
        "instructions": HALF,
        "tools": [{"type": "function", **FUNCTION}],
    },
    "/v1/responses form": {
        "input": HALF,
        "text": {"format": {"type": "json_schema", "name": HALF, "schema": SCHEMA}},
        "tools": [{"type": HALF}],
    },
    "/v1/chat/completions": {
        "messages": [{"role": "user", "content": HALF, "name": HALF, HALF: HALF}],
        "tools": [{"type": "function", "function": FUNCTION}],
        "chat_template_kwargs": {HALF: HALF},
        "stop": [HALF],
    },
    "/v1/completions": {"prompt": HALF, "echo": True, "stop": HALF},
    "/tokenize": {"prompt": HALF, "return_token_strs": True},
    "/v1/chat/completions/render": {"messages": [{"role": "user", "content": HALF}]},
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("name", ROUGH)
def test_half_a_surrogate_pair_in_every_field(client, name, is_stream):
    body = ROUGH[name] | EVERYWHERE | ({"stream": True} if is_stream and "/v1" in name and "render" not in name else {})
    response = client.post(name.split()[0], content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert response.status_code == 200, response.text
    assert "response.failed" not in response.text and '"error": {' not in response.text


def test_half_a_surrogate_pair_as_a_name(client):
    for name in ("model", "response_format", "tool_choice"):
        body = json.dumps({"messages": MESSAGES, name: HALF})
        check(client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"}), name)


def test_after_all_that_it_still_works(client):
    assert chat(client).status_code == 200
    wait_for(lambda: client.service.admission.num_running == 0)
