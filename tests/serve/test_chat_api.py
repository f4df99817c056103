"""`/v1/chat/completions` to the letter, on an engine that says what is written down."""

import asyncio
import json

import httpx
import pytest

from tests.chat.fake_engine import fake_model
from tests.serve.running_server import chat, deltas, events, running, wait_for
from zhinao.errors import CheckpointError
from zhinao.serve.errors import ApiError
from zhinao.serve.run.service import Service
from zhinao.serve.settings import ServeSettings

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "巴黎"}}\n</tool_call>'


def says(*texts, **settings):
    return fake_model(list(texts), **settings)


def test_answer():
    with running(says("你好！")) as client:
        answer = chat(client, model="fake", temperature=0.5, max_completion_tokens=99).json()
    choice = answer["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "你好！"}
    assert (choice["finish_reason"], choice["stop_reason"], answer["object"]) == ("stop", None, "chat.completion")
    usage = answer["usage"]
    assert usage["completion_tokens"] == 10 and usage["total_tokens"] == usage["prompt_tokens"] + 10
    assert answer["id"].startswith("chatcmpl-") and answer["timings"]["seconds"] > 0


ENDS = "a\u2028b\u2029c\x85d\ve"


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    "route, asked",
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/responses", {"input": "x"}),
    ],
)
def test_characters_that_end_lines_are_escaped(route, asked, is_stream):
    with running(says(ENDS)) as client:
        answer = client.post(route, json={**asked, "stream": is_stream})
    lines = [line for line in answer.text.splitlines() if line.startswith(("data: {", "{"))]
    assert answer.status_code == 200 and all(json.loads(line.removeprefix("data: ")) for line in lines)
    assert is_stream or len(lines) == 1
    assert all(written in answer.text for written in ("\\u2028", "\\u2029", "\\u0085"))


def test_stream():
    with running(says("你好，世界🙂")) as client:
        response = chat(client, stream=True, stream_options={"include_usage": True})
    found = events(response)
    assert found[-1] == "[DONE]" and found[-2]["choices"] == [] and found[-2]["usage"]["completion_tokens"] > 0
    assert found[0]["usage"] is None and found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len({(e["id"], e["model"], e["created"], e["object"]) for e in found[:-1]}) == 1
    assert deltas(response, "content") == "你好，世界🙂" and "\ufffd" not in response.text
    finishes = [c["finish_reason"] for e in found[:-1] for c in e["choices"]]
    assert finishes[-1] == "stop" and finishes.count(None) == len(finishes) - 1


def test_usage_in_every_chunk():
    with running(says("abc", "abc", "abc")) as client:
        wanted = {"include_usage": True, "continuous_usage_stats": True}
        found = events(chat(client, stream=True, stream_options=wanted))[:-1]
        assert "X-Zhinao-Ignored" not in chat(client, stream=True, stream_options=wanted).headers
        refused = chat(client, stream=True, stream_options={"continuous_usage_stats": True})
        assert refused.json()["error"]["param"] == "stream_options.continuous_usage_stats"
        body = {"prompt": "x", "stream": True, "stream_options": wanted}
        assert all(event["usage"] for event in events(client.post("/v1/completions", json=body))[:-1])
    counts = [event["usage"]["completion_tokens"] for event in found]
    assert counts == sorted(counts) and counts[-1] == counts[-2] == 4
    assert all(
        e["usage"]["total_tokens"] == e["usage"]["prompt_tokens"] + n for e, n in zip(found, counts, strict=True)
    )


def test_tools_of_other_types_are_passed_over():
    """As on /v1/responses: named beside function tools, an error only where one is demanded and none is left."""
    custom = [{"type": "custom", "custom": {"name": "x"}}, {"type": "web_search"}, {"type": "custom"}]
    model = says("a", "a")
    with running(model) as client:
        beside = chat(client, tools=[WEATHER, *custom])
        alone = chat(client, tools=custom)
        demanded = chat(client, tools=custom, tool_choice="required")
        named = chat(client, tools=[WEATHER, *custom], tool_choice={"type": "custom", "custom": {"name": "x"}})
        assert chat(client, tools=[{"type": 5}]).status_code == 400
    for answer in (beside, alone):
        assert answer.status_code == 200 and answer.headers["X-Zhinao-Ignored"] == "tools.custom, tools.web_search"
    assert demanded.status_code == named.status_code == 400
    assert "weather" in model.engine.requests[0][0] and "custom" not in model.engine.requests[0][0]


@pytest.mark.parametrize("is_stream", [False, True])
def test_half_a_character_at_the_limit_is_not_shown(is_stream):
    with running(says("a🙂…")) as client:
        response = chat(client, max_tokens=3, stream=is_stream)
    text = deltas(response, "content") if is_stream else response.json()["choices"][0]["message"]["content"]
    assert text == "a"


def test_no_usage_unless_asked():
    with running(says("a")) as client:
        assert all("usage" not in event for event in events(chat(client, stream=True))[:-1])


@pytest.mark.parametrize("is_stream", [False, True])
def test_stop_is_exact_and_told(is_stream):
    with running(says("The capital of France is Paris.")) as client:
        response = chat(client, stop=["xx", "ital of Fra"], stream=is_stream)
    if is_stream:
        text, last = deltas(response, "content"), events(response)[-2]["choices"][0]
    else:
        last = response.json()["choices"][0]
        text = last["message"]["content"]
    assert (text, last["stop_reason"], last["finish_reason"]) == ("The cap", "ital of Fra", "stop")


@pytest.mark.parametrize("is_stream", [False, True])
def test_thought_under_both_names(is_stream):
    with running(says("<think>\n想\n</think>\n\n答案", thinks=True)) as client:
        response = chat(client, stream=is_stream)
    if is_stream:
        assert deltas(response, "reasoning_content") == deltas(response, "reasoning") == "想"
        assert deltas(response, "content") == "答案"
        assert events(response)[-2]["choices"][0]["thought_end"] == "closed"
    else:
        message = response.json()["choices"][0]["message"]
        assert (message["reasoning_content"], message["reasoning"], message["content"]) == ("想", "想", "答案")


def test_thought_comes_back_in_history():
    model = says("x")
    history = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "reasoning": "halfway", "tool_calls": None},
    ]
    with running(model) as client:
        client.post("/v1/chat/completions", json={"messages": history, "continue_final_message": True})
    assert "halfway" in model.engine.requests[0][0]


def test_missing_opening_is_reclassified():
    with running(says("so 3\n</think>\n\nthree", thinks=True)) as client:
        response = chat(client, stream=True)
    choices = [c for e in events(response)[:-1] for c in e["choices"]]
    at = next(n for n, c in enumerate(choices) if c.get("reclassified"))
    assert choices[at]["delta"]["reasoning"] == "so 3\n"
    assert "".join(c["delta"].get("content") or "" for c in choices[at:]) == "three"


def test_thinking_budget_of_request_and_of_server():
    for fields, settings in (({"thinking_budget": 5}, {}), ({}, {"thinking_budget": 5})):
        model = says("<think>abcdefghij…", "the answer", thinks=True)
        with running(model, **settings) as client:
            choice = chat(client, **fields).json()["choices"][0]
        assert (choice["thought_end"], choice["message"]["content"]) == ("budget", "the answer")


def test_answer_now():
    model = says("<think>abc", "the answer", thinks=True, hold="abc")
    with running(model) as client, client.stream("POST", "/v1/chat/completions", json=body(stream=True)) as response:
        lines = response.iter_lines()
        first = json.loads(next(line for line in lines if "abc"[0] in line and "reasoning" in line)[6:])
        closed = client.post(f"/v1/chat/completions/{first['id']}/answer_now").json()
        rest = "".join(lines)
        assert closed == {"id": first["id"], "object": "chat.completion.answer_now", "closed": True}
        assert '"thought_end": "answer_now"' in rest
        assert client.post(f"/v1/chat/completions/{first['id']}/answer_now").status_code == 404


def body(**fields) -> dict:
    return {"messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.mark.parametrize("is_stream", [False, True])
def test_tool_calls(is_stream):
    with running(says(f"Let me see.\n{CALL}")) as client:
        response = chat(client, tools=[WEATHER], stream=is_stream)
    if is_stream:
        calls = [c for e in events(response)[:-1] for k in e["choices"] for c in k["delta"].get("tool_calls", ())]
        assert (calls[0]["function"]["name"], calls[0]["index"]) == ("weather", 0)
        arguments, finish = "".join(c["function"]["arguments"] for c in calls), events(response)[-2]["choices"][0]
        assert deltas(response, "content").strip() == "Let me see."
    else:
        finish = response.json()["choices"][0]
        (call,) = finish["message"]["tool_calls"]
        arguments = call["function"]["arguments"]
        assert call["id"].startswith("call_") and finish["message"]["content"].strip() == "Let me see."
    assert json.loads(arguments) == {"city": "巴黎"} and finish["finish_reason"] == "tool_calls"


def test_forced_call_has_a_grammar_and_no_content():
    model = says('{"name": "weather", "arguments": {"city": "x"}}')
    with running(model) as client:
        message = chat(client, tools=[WEATHER], tool_choice="required").json()["choices"][0]["message"]
    assert message["content"] is None and message["tool_calls"][0]["function"]["name"] == "weather"
    assert model.engine.requests[0][1].grammar.kind == "json_schema"


def test_forms_of_answers_become_grammars():
    schema = {"type": "object", "properties": {"名": {"type": "string"}}}
    cases = {
        ("json_schema", '{"type": "object"}'): {"response_format": {"type": "json_object"}},
        ("json_schema", json.dumps(schema)): {
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        },
        ("regex", "[a-z]+"): {"guided_regex": "[a-z]+"},
        ("ebnf", 'root ::= "a\\"b" | "c"'): {"structured_outputs": {"choice": ['a"b', "c"]}},
        ("ebnf", "root ::= x"): {"guided_grammar": "root ::= x"},
    }
    for (kind, text), fields in cases.items():
        model = says("x")
        with running(model) as client:
            assert chat(client, **fields).status_code == 200
        grammar = model.engine.requests[0][1].grammar
        assert (grammar.kind, grammar.text) == (kind, text)


def test_thought_first_then_the_grammar():
    template = "{% for m in messages %}{{ m.content }}{% endfor %}<|im_start|>assistant\n<think>\n"
    model = fake_model(["hm</think>\n\nignored", '{"a": 1}'], chat_template=template, thinks=True)
    with running(model) as client:
        message = chat(client, response_format={"type": "json_object"}).json()["choices"][0]["message"]
    assert (message["reasoning"], message["content"]) == ("hm", '{"a": 1}')
    first, second = (sampling.grammar for _, sampling in model.engine.requests)
    assert first is None and second.kind == "json_schema"


THINKING = "{% for m in messages %}{{ m.content }}{% endfor %}<|im_start|>assistant\n<think>\n"


@pytest.mark.parametrize("is_stream", [False, True])
def test_stop_strings_do_not_end_a_thought(is_stream):
    for stop, answer in (("\n", "one"), (["a", "w"], "one\nt")):
        with running(says("a\nb a</think>\n\none\ntwo", chat_template=THINKING, thinks=True)) as client:
            response = chat(client, stop=stop, stream=is_stream)
        if is_stream:
            assert (deltas(response, "content"), deltas(response, "reasoning")) == (answer, "a\nb a")
        else:
            message = response.json()["choices"][0]["message"]
            assert (message["content"], message["reasoning"]) == (answer, "a\nb a")


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("form", [{}, {"response_format": {"type": "json_object"}}])
def test_the_end_token_in_a_thought_lets_the_answer_follow(form, is_stream):
    model = says("hm", '{"a": 1}', chat_template=THINKING, thinks=True)
    with running(model) as client:
        response = chat(client, **form, stream=is_stream)
    _, second = model.engine.requests
    assert second[0].endswith("<think>hm\n</think>\n\n") and bool(second[1].grammar) == bool(form)
    if is_stream:
        assert (deltas(response, "content"), deltas(response, "reasoning")) == ('{"a": 1}', "hm")
    else:
        choice = response.json()["choices"][0]
        assert (choice["message"]["content"], choice["message"]["reasoning"]) == ('{"a": 1}', "hm")
        assert (choice["thought_end"], choice["finish_reason"]) == ("closed", "stop")


FORM = {"response_format": {"type": "json_object"}, "tools": [WEATHER]}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("begins", ["Sure, here it", "<tool box>", "", "{"])
def test_an_answer_in_the_form_beside_tools(begins, is_stream):
    model = says(begins, '{"a": 1}')
    with running(model) as client:
        response = chat(client, **FORM, stream=is_stream, logprobs=True)
    (first, free), (again, bound) = model.engine.requests
    assert first == again and free.grammar is None and bound.grammar.kind == "json_schema"
    if is_stream:
        assert deltas(response, "content") == '{"a": 1}'
    else:
        choice, usage = response.json()["choices"][0], response.json()["usage"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a": 1}', "stop")
        assert "".join(t["token"] for t in choice["logprobs"]["content"]) == '{"a": 1}'
        assert usage["completion_tokens"] == 9


@pytest.mark.parametrize("thought", ["", "hm</think>\n\n"])
def test_a_call_beside_a_form(thought):
    how = {"chat_template": THINKING, "thinks": True} if thought else {}
    model = says(thought + CALL, **how)
    with running(model) as client:
        choice = chat(client, **FORM).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and not choice["message"]["content"]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "weather"
    assert [sampling.grammar for _, sampling in model.engine.requests] == [None]


def test_a_form_after_a_thought_beside_tools():
    model = says("hm</think>\n\nNo call.", '{"a": 1}', chat_template=THINKING, thinks=True)
    with running(model) as client:
        message = chat(client, **FORM).json()["choices"][0]["message"]
    assert (message["reasoning"], message["content"]) == ("hm", '{"a": 1}')


@pytest.mark.parametrize("is_stream", [False, True])
def test_what_looks_like_a_call_within_a_form_is_its_text(is_stream):
    written = json.dumps({"a": CALL})
    with running(says("Sure", written)) as client:
        response = chat(client, **FORM, stream=is_stream)
    if is_stream:
        assert deltas(response, "content") == written
    else:
        choice = response.json()["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == (written, "stop")


def test_a_demanded_call_goes_before_the_form():
    model = says('{"name": "weather", "arguments": {"city": "x"}}')
    with running(model) as client:
        message = chat(client, **FORM, tool_choice="required").json()["choices"][0]["message"]
    assert message["content"] is None and message["tool_calls"][0]["function"]["name"] == "weather"
    assert "weather" in model.engine.requests[0][1].grammar.text


@pytest.mark.parametrize("is_stream", [False, True])
def test_one_call_where_they_must_not_be_parallel(is_stream):
    for is_parallel, num in ((False, 1), (True, 2), (None, 2)):
        with running(says(f"{CALL}\n{CALL} bye")) as client:
            response = chat(client, tools=[WEATHER], parallel_tool_calls=is_parallel, stream=is_stream)
        if is_stream:
            found = [c for e in events(response)[:-1] for k in e["choices"] for c in k["delta"].get("tool_calls", ())]
            assert len({call["index"] for call in found}) == num
        else:
            choice = response.json()["choices"][0]
            assert len(choice["message"]["tool_calls"]) == num and choice["finish_reason"] == "tool_calls"


def test_n_answers_have_their_own_seeds():
    model = says("a", "b", "c")
    with running(model) as client:
        answer = chat(client, n=3, seed=7, temperature=1).json()
    assert [c["index"] for c in answer["choices"]] == [0, 1, 2]
    assert [sampling.seed for _, sampling in model.engine.requests] == [7, 8, 9]
    assert answer["usage"]["completion_tokens"] == 6


def test_logprobs_fit_the_text():
    with running(says("ab🙂", "ab🙂")) as client:
        whole = chat(client, logprobs=True).json()["choices"][0]["logprobs"]["content"]
        response = chat(client, logprobs=True, stream=True)
    streamed = [
        t for e in events(response)[:-1] for c in e["choices"] if c["logprobs"] for t in c["logprobs"]["content"]
    ]
    assert whole == streamed
    assert b"".join(bytes(t["bytes"]) for t in whole).decode() == "ab🙂"
    assert {t["logprob"] for t in whole} == {-0.5}


def test_logprobs_end_where_the_text_is_cut():
    with running(says("abcdef")) as client:
        choice = chat(client, logprobs=True, stop="de").json()["choices"][0]
    assert choice["message"]["content"] == "".join(t["token"] for t in choice["logprobs"]["content"]) == "abc"


def test_unknown_fields_are_named_or_refused():
    with running(says("a")) as client:
        response = chat(client, foo=1, stream=True, stream_options={"bar": 2}, metadata={})
        assert response.headers["x-zhinao-ignored"] == "foo, stream_options.bar"
    with running(says("a"), strict_params=True) as client:
        refused = chat(client, temprature=1)
        assert refused.status_code == 400 and "temperature" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("status", "param", "fields"),
    [
        (422, "temperature", {"temperature": "0.5"}),
        (422, "messages", {"messages": "hi"}),
        (422, "n", {"n": 0}),
        (400, "temperature", {"temperature": -1}),
        (400, "min_tokens", {"min_tokens": 5, "max_tokens": 4}),
        (400, "top_p", {"top_p": 0}),
        (400, "presence_penalty", {"presence_penalty": 3}),
        (400, "top_logprobs", {"logprobs": True, "top_logprobs": 5}),
        (400, "logit_bias", {"logit_bias": {"5": 1}}),
        (400, "response_format.type", {"response_format": {"type": "xml"}}),
        (400, None, {"guided_regex": "bad", "stream": True}),
        (400, "stream_options", {"stream_options": {"include_usage": True}}),
        (400, "continue_final_message", {"continue_final_message": True, "add_generation_prompt": True}),
        (400, None, {"messages": []}),
        (400, None, {"messages": [{"role": "x", "content": ""}]}),
        (400, None, {"tools": [{"type": 5}]}),
        (400, None, {"tools": [{"type": "custom"}], "tool_choice": "required"}),
        (400, "messages", {"messages": [{"role": "user", "content": "long " * 100}]}),
        (404, "model", {"model": "gpt-4"}),
    ],
)
def test_refusals(status, param, fields):
    with running(says("a", num_context_tokens=200)) as client:
        response = client.post("/v1/chat/completions", json=body(**fields))
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, param)
    assert error.keys() == {"message", "type", "param", "code"} and error["message"]


def test_prompt_over_the_context_tells_both_numbers():
    with running(says("a", num_context_tokens=200)) as client:
        error = chat(client, "x" * 500).json()["error"]
    assert error["code"] == "context_length_exceeded" and "200" in error["message"] and "5" in error["message"]
    assert error["message"].count("the prompt has") == 1 and "The prompt has" not in error["message"]


def test_bodies_that_are_no_requests():
    with running(says("a")) as client:
        post = lambda data, kind="application/json": client.post(  # noqa: E731
            "/v1/chat/completions", content=data, headers={"content-type": kind}
        )
        assert post(b'{"messages":').status_code == 400
        assert post(b"[]").status_code == 422
        assert post(b"{}", "text/plain").status_code == 415
        assert client.get("/v1/chat/completions").status_code == 405
        assert client.head("/v1/chat/completions").status_code == 405
        assert client.get("/nothing").json()["error"]["type"] == "not_found_error"


def test_head_is_answered_as_get_is_without_the_body():
    paths = ["/health", "/v1/models", "/v1/models/fake", "/props", "/tokenizer_info", "/version", "/openapi.json"]
    told = ("content-type", "content-length", "cache-control")
    with running(says("a")) as client:
        for path in (*paths, "/nothing", "/v1/models/none"):
            whole, head = client.get(path), client.head(path)
            assert head.status_code == whole.status_code and head.content == b"", path
            assert [head.headers[name] for name in told] == [whole.headers[name] for name in told], path
        assert client.head("/metrics").status_code == 200
        assert 'route="/props",status="200"} 2.0' in client.get("/metrics").text
        refused = client.post("/version", json={})
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("is_stream", [False, True])
def test_who_leaves_frees_the_slot(is_stream):
    model = says("abc", "next", hold="abc")
    with running(model, max_running=1) as client:
        generations = []
        start = model.engine.generate
        model.engine.generate = lambda *a: generations.append(start(*a)) or generations[-1]
        with httpx.Client(base_url=client.base_url) as leaving, pytest.raises(httpx.ReadTimeout):
            leaving.post("/v1/chat/completions", json=body(stream=is_stream), timeout=0.5).read()
        wait_for(lambda: generations and generations[0]._cancelled.is_set())
        assert chat(client).json()["choices"][0]["message"]["content"] == "next"


def test_queue_that_is_full():
    model = fake_model(lambda _: "abc", hold="abc")
    with running(model, max_running=1, max_queued=0) as client:
        with client.stream("POST", "/v1/chat/completions", json=body(stream=True)) as response:
            lines = response.iter_lines()  # kept: dropping it would close the connection
            next(lines)
            refused = chat(client)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        wait_for(lambda: client.service.admission.num_running == 0)


def test_engine_that_dies():
    with running(says("abcCRASH", "abcCRASH", delay=0.02)) as client:
        response = chat(client, stream=True)
        found = events(response)
        assert found[-1] == "[DONE]" and found[-2]["error"]["code"] == "engine_error"
        whole = chat(client)
        assert whole.status_code == 503 and whole.json()["error"]["code"] == "engine_error"


def test_keys():
    with running(says("a"), keys=[("me", "secret")]) as client:
        assert chat(client).status_code == 401
        assert client.get("/health").status_code == 200
        client.headers["authorization"] = "Bearer secret"
        assert chat(client).status_code == 200


def test_loading_and_a_model_that_cannot_be_loaded():
    def fails():
        raise CheckpointError("broken")

    service = Service(ServeSettings(), fails, ("x",))
    assert service.state()[0] == "loading"
    with pytest.raises(ApiError) as error:
        _ = service.model
    assert (error.value.status, error.value.headers["Retry-After"]) == (503, "2")
    with pytest.raises(CheckpointError):
        asyncio.run(service.start())
    assert service.state() == ("failed", "broken")
