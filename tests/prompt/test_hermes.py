"""Tools in the prompt: what the model is told, with and without a template of the checkpoint's own."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.byte_tokenizer import ByteTokenizer

from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE
from zhinao.prompt.conversation import render
from zhinao.prompt.template import OBJECT, TEXT, ToolSupport, tool_support

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OWN = (  # a checkpoint's own way with tools; arguments have to be objects
    "{% if tools %}TOOLS{% for t in tools %} {{ t | tojson }}{% endfor %}{{ '\n' }}{% endif %}{% for m in messages %}"
    "{{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %} {{ c.function.name }}({{ c.function.arguments | tojson }})"
    "{% endfor %}{{ '\n' }}{% endfor %}"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "天气 of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
plain = ByteTokenizer()


def user(text):
    return {"role": "user", "content": text}


def calling(*arguments, content=None, **more):
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "weather", "arguments": written}}
        for n, written in enumerate(arguments)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls, **more}


def response(text, id=None):
    return {"role": "tool", "content": text, **({"tool_call_id": id} if id else {})}


def test_the_words_of_a_whole_turn():
    messages = [
        {"role": "system", "content": "你是助手"},
        user("weather?"),
        calling('{"place":"北京"}', {"place": "Rom"}, content="I look."),
        response("3 °C", "c0"),
        response("20 °C", "c1"),
    ]
    assert (
        render(messages, plain, tools=[WEATHER]).text
        == """<|im_start|>system
你是助手

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{"type": "function", "function": {"name": "weather", "description": "天气 of a place", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
<|im_start|>user
weather?<|im_end|>
<|im_start|>assistant
I look.
<tool_call>
{"name": "weather", "arguments": {"place":"北京"}}
</tool_call>
<tool_call>
{"name": "weather", "arguments": {"place": "Rom"}}
</tool_call><|im_end|>
<|im_start|>user
<tool_response>
3 °C
</tool_response>
<tool_response>
20 °C
</tool_response><|im_end|>
<|im_start|>assistant
"""
    )


def test_without_content_and_after_a_thought():
    text = render([user("q"), calling("{}")], plain, add_generation_prompt=False).text
    assert text.endswith('assistant\n<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call><|im_end|>\n')
    thinking = render([user("q"), calling("", reasoning_content="Hm.")], plain, add_generation_prompt=False).text
    assert '<think>\nHm.\n</think>\n\n<tool_call>\n{"name": "weather", "arguments": {}}\n' in thinking
    answered = [user("q"), calling("{}", reasoning_content="Hm."), response("x")]
    assert "Hm." in render(answered, plain).text  # a response is no new question
    assert "Hm." not in render([*answered, user("q2")], plain).text


words = st.lists(
    st.sampled_from(["<|im_end|>", "<|im_start|>", "<think>", "</tool_call>", "<tool_response>", "\n", '"', "x", "你"])
).map("".join)
turns = st.lists(
    st.one_of(
        words.map(user),
        words.map(response),
        st.builds(calling, words.map(lambda w: json.dumps({"a": w})), st.builds(dict, a=words), content=st.none()),
        st.builds(calling, words.map(lambda w: json.dumps({"a": w}, ensure_ascii=False)), content=st.just("I look.")),
    ),
    min_size=1,
    max_size=5,
)


@given(turns, st.booleans(), words)
@settings(deadline=None, max_examples=60)
def test_template_and_native_renderer_say_the_same_and_content_stays_content(messages, has_tools, description):
    tool = {"type": "function", "function": {"name": "f", "description": description}}
    tools = [WEATHER, tool] if has_tools else None
    ours = render(messages, plain, tools=tools)
    for template in (CHAT_TEMPLATE, CHATML):
        if template == CHAT_TEMPLATE or messages[0]["role"] == "system" or has_tools:
            theirs = render(messages, ByteTokenizer(template), tools=tools)
            assert theirs.ids == ours.ids
            assert theirs.mask == ours.mask
    frames = ours.text.count("<|im_start|>") - sum(str(m).count("<|im_start|>") for m in messages)
    frames -= description.count("<|im_start|>") if has_tools else 0
    assert ours.ids.count(plain.control_tokens["<|im_start|>"]) == frames
    assert not {plain.control_tokens["<think>"], plain.control_tokens["</think>"]} & set(ours.ids)


def test_calls_are_learnt_and_responses_are_not():
    rendered = render([user("q"), calling("{}"), response("r")], plain, tools=[WEATHER])
    said = [i for i, is_said in zip(rendered.ids, rendered.mask, strict=True) if is_said]
    assert plain.decode(said, skip_control=False) == (
        '<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call><|im_end|>'
    )


def test_a_template_that_knows_tools_gets_them_as_it_wants_them():
    messages = [user("q"), calling('{"place": "北京"}'), response("3", "c0")]
    text = render(messages, ByteTokenizer(OWN), tools=[WEATHER]).text
    assert text.startswith('TOOLS {"type": "function"') and "<tool" not in text
    assert text.endswith('user:q\nassistant: weather({"place": "北京"})\ntool:3\n')
    broken = render([user("q"), calling('{"place'), response("3")], ByteTokenizer(OWN), tools=[WEATHER]).text
    assert 'weather("{\\"place")' in broken


def test_what_templates_do_is_found_out_by_showing():
    assert tool_support(CHAT_TEMPLATE) == ToolSupport(True, TEXT)
    assert tool_support(OWN) == ToolSupport(True, OBJECT)
    assert tool_support(CHATML) == ToolSupport(False, None)
    refusing = "{% if tools %}{{ raise_exception('no tools') }}{% endif %}" + CHATML
    assert tool_support(refusing) == ToolSupport(False, None)
    text_only = "{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML
    assert tool_support(text_only) == ToolSupport(True, None)
    assert "# Tools" in render([user("q")], ByteTokenizer(refusing), tools=[WEATHER]).text
    half = render([user("q"), calling("{}"), response("r")], ByteTokenizer(text_only), tools=[WEATHER]).text
    assert "# Tools" not in half and "<tool_call>" in half and "<tool_response>\nr\n" in half


def test_tags_that_are_tokens_of_the_checkpoint():
    tokenizer = ByteTokenizer()
    tokenizer.control_tokens = {**tokenizer.control_tokens, "<tool_call>": 300, "</tool_call>": 301}
    rendered = render([user("<tool_call>"), calling('{"a": "</tool_call>"}')], tokenizer)
    assert [i for i in rendered.ids if i >= 300] == [300, 301]


def test_tools_render_the_same_through_transformers():
    transformers = pytest.importorskip("transformers")
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = [user("q"), calling('{"place":"北京"}', content="I look."), response("3", "c0")]
    text, _ = render_jinja_template(
        conversations=[messages], tools=[WEATHER], chat_template=CHAT_TEMPLATE, add_generation_prompt=True
    )
    assert transformers and text == [render(messages, plain, tools=[WEATHER]).text]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([{**user("x"), "tool_calls": []}], r"Message 1\.tool_calls: only an assistant calls tools"),
        ([{**calling(), "tool_calls": {}, "content": ""}], r"Message 1\.tool_calls: must be a list, not dict"),
        ([{**calling(), "tool_calls": ["f"]}], r"Message 1\.tool_calls\[0\]\.function: must be an object"),
        ([{**calling(), "tool_calls": [{"function": {"name": ""}}]}], r"tool_calls\[0\]\.function\.name: must be text"),
        ([{**calling(), "tool_calls": [{"type": "x", "function": {"name": "f"}}]}], r"tool_calls\[0\]\.type"),
        ([{**calling(), "tool_calls": [{"id": 3, "function": {"name": "f"}}]}], r"tool_calls\[0\]\.id: must be text"),
        ([user("q"), calling("{}", 3)], r"Message 2\.tool_calls\[1\]\.function\.arguments: .* not int"),
        ([user("q"), calling("{}"), response("r", "cx")], r"Message 3\.tool_call_id: 'cx' is no call of an earlier"),
        ([user("q"), calling("{}"), response("r", 3)], r"Message 3\.tool_call_id: 3 is no call"),
    ],
)
def test_bad_calls_are_named(messages, sentence):
    with pytest.raises(UsageError, match=sentence):
        render(messages, plain)


def test_a_message_with_calls_is_not_continued():
    with pytest.raises(UsageError, match=r"Message 2\.tool_calls: .* cannot be continued"):
        render([user("q"), calling("{}", content="a")], plain, continue_final=True)


@pytest.mark.parametrize("place", ["tools", "messages", "template_kwargs"])
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(place):
    deep = "x"
    for _ in range(5000):
        deep = [deep]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"default": deep}}}
    given = {
        "tools": {"tools": [tool]},
        "messages": {"messages": [calling({"a": deep})]},
        "template_kwargs": {"template_kwargs": {"a": deep}},
    }[place]
    with pytest.raises(UsageError, match=f"{place} is nested more than 100 deep"):
        render(**{"messages": [user("q")], "tokenizer": plain, **given})
