"""What a request to the Responses API means as a chat request, and what is refused."""

import pytest

from zhinao.serve.errors import ApiError
from zhinao.serve.openai.responses.request import chat_form

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}


def chat(**body):
    return chat_form({"input": "hi", **body}).chat


def said(items, **body):
    return chat(input=items, **body)["messages"]


def test_text_and_the_plain_fields():
    form = chat_form(
        {
            "model": "m",
            "input": "你好",
            "instructions": "Be short.",
            "max_output_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stream": True,
            "store": True,
            "metadata": {"a": "b"},
            "previous_response_id": None,
            "top_k": -1,
            "thinking_budget": 3,
        }
    )
    assert form.chat == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "你好"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "stream_options": {"include_usage": True},
        "top_k": -1,
        "thinking_budget": 3,
    }
    assert form.ignored == ()


def test_a_turn_of_several_items_is_one_message():
    items = [
        {"role": "developer", "content": "System."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"role": "assistant", "content": "Done."},
        {"role": "assistant", "content": "Really."},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "…"},
        {"type": "function_call", "call_id": "c3", "name": "f", "arguments": "{}"},
    ]  # fmt: skip
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert said(items, instructions="First.") == [
        {"role": "system", "content": "First.\n\nSystem."},
        {"role": "user", "content": "ab"},
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hm.",
            "tool_calls": [call, {"id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "assistant", "content": "Done."},
        {"role": "assistant", "content": "Really.", "tool_calls": [{**call, "id": "c3"}]},
    ]
    calling = [{"role": "user", "content": "x"}, items[2], items[4]]
    assert said(calling)[1:] == [
        {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [call]}
    ]


def test_tools_and_choice():
    nested = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    }
    other = {"type": "function", "name": "g", "parameters": None}
    for choice in ("auto", "none", "required"):
        assert chat(tools=[FUNCTION, other], tool_choice=choice)["tool_choice"] == choice
    both = chat(tools=[FUNCTION, other])
    assert both["tools"] == [nested, {"type": "function", "function": {"name": "g"}}] and "tool_choice" not in both
    named = chat(tools=[FUNCTION], tool_choice={"type": "function", "name": "f"})["tool_choice"]
    assert named == {"type": "function", "function": {"name": "f"}}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    assert chat(tools=[FUNCTION, other], tool_choice=allowed)["tools"] == [nested]
    assert chat(tools=[FUNCTION, other], tool_choice=allowed)["tool_choice"] == "required"
    assert "tools" not in chat(tools=[])


def test_formats_of_the_answer():
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    assert chat(text={"format": schema})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
    }
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    for text in ({}, {"format": None}, {"format": {"type": "text"}}):
        assert "response_format" not in chat(text=text)


def test_logprobs_are_asked_for_by_include():
    assert chat(include=["message.output_text.logprobs"], top_logprobs=1)["logprobs"] is True
    assert chat(include=["message.output_text.logprobs"], top_logprobs=1)["top_logprobs"] == 1
    assert "logprobs" not in chat(include=[])


def test_what_has_no_effect_is_named():
    body = {
        "input": "x",
        "reasoning": {"effort": "high", "summary": None},
        "text": {"verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "truncation": "auto",
        "background": False,
        "max_tool_calls": 3,
        "top_logprobs": 2,
        "n": 3,
        "messages": [],
        "colour": "red",
        "service_tier": "auto",
    }
    assert set(chat_form(body).ignored) == {
        "reasoning.effort",
        "text.verbosity",
        "include.reasoning.encrypted_content",
        "truncation",
        "max_tool_calls",
        "top_logprobs",
        "n",
        "messages",
        "colour",
    }
    assert chat_form(body).chat == {"messages": [{"role": "user", "content": "x"}]}
    assert chat_form({"input": "x", "truncation": "disabled"}).ignored == ()


@pytest.mark.parametrize(
    ("body", "param", "sentence"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "keeps no responses"),
        ({"conversation": "conv_1"}, "conversation", "send the whole conversation in input"),
        ({"prompt": {"id": "p"}}, "prompt", "keeps no responses"),
        ({"background": True}, "background", "nothing in the background"),
        ({"input": None}, "input", "must be text or a list"),
        ({"input": 3}, "input", "must be text or a list"),
        ({"input": ["x"]}, "input[0]", "must be an object"),
        ({"input": [{"type": "telepathy"}]}, "input[0].type", "'telepathy' is not known; known: message"),
        ({"input": [{"type": ["x"]}]}, "input[0].type", "is not known"),
        ({"input": [{"content": "x"}]}, "input[0].type", "None is not known"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "keeps nothing"),
        ({"input": [{"role": "bot", "content": "x"}]}, "input[0].role", "'bot' is unknown"),
        ({"input": [{"role": "user"}]}, "input[0].content", "must be text or a list of parts"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content[0]",
            "Only text can be read, not 'input_image'",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments", "must be text"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id", "must be text"),
        ({"instructions": ["x"]}, "instructions", "must be text"),
        ({"tools": {}}, "tools", "must be a list"),
        ({"tools": ["f"]}, "tools[0]", "must be an object"),
        ({"tools": [{"name": "f"}]}, "tools[0].type", "must be text"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", "must be text"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice", 'allowed: "none"'),
        ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice", "needs tools and a mode"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type", "'grammar' is not known"),
        ({"text": "x"}, "text.format.type", "is not known"),
        ({"include": "x"}, "include", "must be a list"),
    ],
)
def test_refusals_name_the_field(body, param, sentence):
    with pytest.raises(ApiError) as caught:
        chat_form({"input": "x", **body})
    assert (caught.value.status, caught.value.param) == (400, param)
    assert caught.value.message.startswith(f"{param}: ") and sentence in caught.value.message
