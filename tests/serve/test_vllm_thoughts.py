"""What vLLM's reasoning parser and weight loading decide, without vLLM; the field's second name; tools in the template."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.byte_tokenizer import ByteTokenizer
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao.errors import CheckpointError
from zhinao.model import architecture
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt import conversation, template
from zhinao.serve.vllm import thoughts
from zhinao.serve.vllm.field_names import ReasoningNames, RequestFields
from zhinao.serve.vllm.names import Names
from zhinao.serve.vllm.tools_template import with_tools

FRAME = "<|im_start|>user\n<think>x</think><|im_end|>\n<|im_start|>assistant\n"
# output, whether the prompt opened the thought, thought, answer
OUTPUTS = [
    ("<think>\nabc\n</think>\n\nYes < no", False, "abc", "Yes < no"),
    ("abc\n</think>\n\nYes", True, "abc", "Yes"),
    ("no end </thi", True, "no end </thi", ""),
    ("<think>no end", False, "no end", ""),
    ("an answer < with <think> in it", False, "", "an answer < with <think> in it"),
    ("<thi", False, "", "<thi"),
    ("<think></think>answer", False, "", "answer"),
    ("  \n", False, "", "  \n"),
]


@pytest.mark.parametrize(("text", "is_open", "thought", "answer"), OUTPUTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_thought_and_answer_however_the_text_is_cut(text, is_open, thought, answer, size):
    assert thoughts.split(text, is_open) == (thought, answer)
    output, found = thoughts.Output(is_open), ["", ""]
    for start in range(0, len(text), size):
        if output.has_ended:  # from here on vLLM passes the text on by itself
            found[1] += text[start : start + size]
        else:
            found = [a + b for a, b in zip(found, output.feed(text[start : start + size]), strict=True)]
    if not output.has_ended:
        found = [a + b for a, b in zip(found, output.finish(), strict=True)]
    assert tuple(found) == (thought, answer)


def test_a_thought_without_its_opening_is_seen_in_a_whole_output():
    assert thoughts.split("abc</think>def", is_open=False) == ("abc", "def")


@pytest.mark.parametrize(
    ("end", "state"),
    [("", "undecided"), ("<think>\n", "opened"), ("<think>\nhm, ", "opened"), ("<think>\n\n</think>\n\n", "closed")],
)
def test_the_prompt_s_last_frame_says_whether_a_thought_is_open(end, state):
    assert thoughts.state_of(FRAME + end) == state


@pytest.mark.parametrize(
    ("text", "is_open", "part"),
    [
        ("<think>你好</think>answer", False, "<think>你好</think>"),
        ("你好</think>answer", True, "你好</think>"),
        ("你好", True, "你好"),
        ("answer", False, ""),
    ],
)
def test_ids_of_the_thought_are_counted(text, is_open, part):
    tokenizer = ByteTokenizer()
    ids = tokenizer.encode(text)
    count = thoughts.num_thought_ids(ids, lambda some: tokenizer.decode(some, skip_control=False), is_open)
    assert count == len(tokenizer.encode(part))


@pytest.fixture
def arch(tmp_path):
    return architecture.read(make_checkpoint(tmp_path / "model", is_tied=True))


def test_all_names_fused_or_split_and_nothing_else(arch):
    for is_fused in (True, False):
        names = Names(arch, Path("M"))
        assert all(names.is_wanted(name) for name in arch.tensor_shapes(is_fused))
        names.check_complete()
    assert not names.is_wanted("model.layers.0.self_attn.rotary_emb.inv_freq")
    assert not names.is_wanted("lm_head.weight"), "tied"
    for name in ("model.layers.9.mlp.up_proj.weight", "model.layers.0.self_attn.qkv_proj.qweight", "lm_head.bias"):
        with pytest.raises(CheckpointError, match=f"unknown tensor {name}"):
            names.is_wanted(name)


def test_a_missing_tensor_is_named_the_first_time_only(arch):
    first, *others = sorted(arch.tensor_shapes(is_fused=True))
    names = Names(arch, Path("M"))
    for name in others:
        names.is_wanted(name)
    with pytest.raises(CheckpointError, match=f"1 tensors are missing, the first is {first}"):
        names.check_complete()
    partial = Names(arch, Path("M"), must_be_whole=False)
    assert partial.is_wanted(first)
    partial.check_complete()


def answered(body: bytes, content_type: str, cut: int, path: str = "/v1/chat/completions") -> tuple[dict, bytes]:
    """Headers and body that a client gets of an application that sends `body` in pieces of `cut` bytes."""

    async def app(scope, receive, send):
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(body), cut):
            piece = body[start : start + cut]
            await send({"type": "http.response.body", "body": piece, "more_body": start + cut < len(body)})

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    asyncio.run(ReasoningNames(app)(scope, None, send))
    assert sent[0]["type"] == "http.response.start" and not sent[-1].get("more_body")
    return dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_both_names_of_the_field_in_a_stream(cut):
    chunks = [{"reasoning": "想\n\n"}, {"content": 'say "reasoning"'}, {"reasoning": "b", "content": "c"}]
    events = [f"data: {json.dumps({'choices': [{'index': 0, 'delta': d}]})}\n\n" for d in chunks]
    body = ": ping\n\n" + "".join(events) + "data: [DONE]\n\n"
    _, got = answered(body.encode(), "text/event-stream; charset=utf-8", cut)
    parts = got.decode().split("\n\n")
    assert parts[0] == ": ping" and parts[-2:] == ["data: [DONE]", ""]
    deltas = [json.loads(part[6:])["choices"][0]["delta"] for part in parts[1:-2]]
    assert deltas == [{**d, **({"reasoning_content": d["reasoning"]} if "reasoning" in d else {})} for d in chunks]


@pytest.mark.parametrize("cut", [3, 10_000])
def test_both_names_of_the_field_in_a_whole_answer(cut):
    answer = {"choices": [{"message": {"content": "c", "reasoning": None}}, {"message": {"reasoning": "想"}}]}
    headers, got = answered(json.dumps(answer).encode(), "application/json", cut)
    messages = [choice["message"] for choice in json.loads(got)["choices"]]
    assert messages == [
        {"content": "c", "reasoning": None, "reasoning_content": None},
        {"reasoning": "想", "reasoning_content": "想"},
    ]
    assert int(headers[b"content-length"]) == len(got)


def test_other_answers_pass_as_they_are():
    for body, path in ((b'{"error": "reasoning"}', "/v1/chat/completions"), (b'{"reasoning": 1}', "/v1/completions")):
        assert answered(body, "application/json", 4, path)[1] == body


@pytest.mark.parametrize(
    ("body", "default", "seen"),
    [
        ({"thinking_budget": 5}, None, {"thinking_token_budget": 5}),
        ({"thinking_budget": 5}, 9, {"thinking_token_budget": 5}),
        ({"thinking_budget": None}, 9, {"thinking_token_budget": 9}),
        ({}, 9, {"thinking_token_budget": 9}),
        ({"thinking_token_budget": 3}, 9, {"thinking_token_budget": 3}),
        ({"n": 1}, None, {"n": 1}),
        ([1], 9, [1]),
        ("not JSON", 9, "not JSON"),
    ],
)
def test_the_thinking_budget_gets_vllm_s_name(body, default, seen):
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    parts = [raw[:4], raw[4:]]

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    found = []

    async def app(scope, receive, send):
        message = await receive()
        found.append((dict(scope["headers"]), message["body"]))

    headers = [(b"content-length", str(len(raw)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}
    asyncio.run(RequestFields(app, default)(scope, receive, None))
    ((headers, got),) = found
    assert (got.decode() if isinstance(seen, str) else json.loads(got)) == seen
    assert int(headers[b"content-length"]) == len(got)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    return make_tokenizer(folder)


def call(number: int) -> dict:
    arguments = json.dumps({"city": "上海", "n": number}, ensure_ascii=False)
    return {"id": str(number), "type": "function", "function": {"name": "weather", "arguments": arguments}}


def test_tools_in_a_template_that_drops_them_read_as_on_the_embedded_engine(folder):
    tokenizer = Tokenizer.load(folder)
    made = with_tools(tokenizer.chat_template)
    parameters = {"type": "object", "properties": {"city": {"type": "string", "description": "it's a \\ city"}}}
    tools = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": parameters}}]
    question = {"role": "user", "content": "hi"}
    turn = [
        question,
        {"role": "assistant", "content": "Well", "tool_calls": [call(1), call(2)]},
        {"role": "tool", "content": "r1", "tool_call_id": "1"},
        {"role": "tool", "content": "r2", "tool_call_id": "2"},
        {"role": "assistant", "content": "", "tool_calls": [call(3)]},
    ]
    for messages in ([question], turn, [{"role": "system", "content": "S"}, *turn]):
        for given in (tools, None):
            context = {"messages": messages, "tools": given, "add_generation_prompt": True}
            expected = conversation.render(messages, tokenizer, tools=given).text
            assert template.render(made, context, "", "") == expected
    assert with_tools(made) == made, "what shows tools is left alone"


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_characters_that_end_lines_are_escaped_in_a_stream(cut):
    body = 'data: {"choices": [{"delta": {"content": "a\u2028b\x85c\u2029"}}]}\n\ndata: [DONE]\n\n'
    _, got = answered(body.encode(), "text/event-stream", cut)
    assert got.decode() == body.replace("\u2028", "\\u2028").replace("\x85", "\\u0085").replace("\u2029", "\\u2029")
