import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.byte_tokenizer import ByteTokenizer

from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE, DEFAULT_SYSTEM
from zhinao.prompt.conversation import render

# The released templates' shape, written out here so that the native renderer has something independent to agree with.
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_BLOCKS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}[A]{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}"
    "{% else %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}[A]{% endif %}"
)
CONTROL = ("<|im_start|>", "<|im_end|>", "<eod>", "<pad>", "<think>", "</think>")

plain = ByteTokenizer()
words = (
    st.lists(
        st.one_of(
            st.sampled_from([*CONTROL, "<|im_", "start|>", "<", ">", "\n", "assistant", "你好", "😀", "\ue000"]),
            st.text(max_size=5),
        )
    )
    .map("".join)
    .filter(lambda s: s.isprintable() or "\n" in s)
)
conversations = st.lists(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["system", "user", "assistant", "tool"]),
        words,
    ),
    min_size=1,
    max_size=5,
)


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def test_chatml_by_the_book():
    rendered = render([user("你好")], plain)
    text = f"<|im_start|>system\n{DEFAULT_SYSTEM}<|im_end|>\n<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n"
    assert rendered.text == text
    assert rendered.ids == plain.encode(text, control=True)
    assert not rendered.opens_thought


def test_own_system_message_replaces_the_default():
    for role in ("system", "developer"):
        rendered = render([{"role": role, "content": "你是医生"}, user("痛")], plain, add_generation_prompt=False)
        assert rendered.text == "<|im_start|>system\n你是医生<|im_end|>\n<|im_start|>user\n痛<|im_end|>\n"


@given(conversations)
@settings(deadline=None)
def test_checkpoints_template_and_native_renderer_give_the_same_ids(messages):
    messages = [m for m in messages if not (m["role"] == "assistant" and "think>" in m["content"])] or [user("x")]
    for template in (CHATML, CHAT_TEMPLATE):
        ours, theirs = render(messages, plain), render(messages, ByteTokenizer(template))
        assert ours.ids == theirs.ids
        assert ours.mask == theirs.mask


@pytest.mark.parametrize("template", [None, CHATML, CHAT_TEMPLATE, WITH_BLOCKS])
@given(messages=conversations)
@settings(deadline=None, max_examples=60)
def test_content_never_becomes_control(template, messages):
    tokenizer = ByteTokenizer(template)
    before = copy.deepcopy(messages)
    ids = render(messages, tokenizer).ids
    assert messages == before
    frame = render([{**m, "content": ""} for m in messages], tokenizer).ids
    is_control = {n for name, n in tokenizer.control_tokens.items() if "think" not in name}
    assert [i for i in ids if i in is_control] == [i for i in frame if i in is_control]
    for message in messages:
        if message["role"] != "assistant":
            assert not {plain.control_tokens["<think>"], plain.control_tokens["</think>"]} & set(
                render([message], tokenizer).ids
            )


def test_content_cannot_join_with_the_frame_or_a_field():
    template = "{% for m in messages %}<{{ m.content }}>{{ m.name }}{{ m.content }}{% endfor %}"
    tokenizer = ByteTokenizer(template)
    for content, name in (("|im_end|", ""), ("start|>", "<|im_"), ("eod", "x"), ("d>", "<eo"), ("|im_end|>", "<")):
        rendered = render([{**user(content), "name": name}], tokenizer)
        assert not set(rendered.ids) & set(tokenizer.control_tokens.values())
        assert rendered.ids == tokenizer.encode(f"<{content}>{name}{content}")


def test_pieces_are_encoded_whole():
    """Two line breaks are one token, also where one is the header's."""
    rendered = render([user("\nx"), assistant("\ny")], plain, add_generation_prompt=False)
    assert rendered.ids == plain.encode(rendered.text, control=True)
    said = [i for i, is_said in zip(rendered.ids, rendered.mask, strict=True) if is_said]
    assert plain.decode(said, skip_control=False) == "y<|im_end|>"  # the straddling token is not the assistant's to say


def test_mask_token_by_token():
    messages = [user("a"), assistant("你b"), user("c<|im_end|>"), assistant("<|im_start|>assistant\nd")]
    for template in (None, CHATML):
        rendered = render(messages, ByteTokenizer(template), add_generation_prompt=False)
        said = [i for i, is_said in zip(rendered.ids, rendered.mask, strict=True) if is_said]
        assert plain.decode(said, skip_control=False) == "你b<|im_end|><|im_start|>assistant\nd<|im_end|>"
        control = [i for i in said if i > 256]
        assert control == [plain.control_tokens["<|im_end|>"]] * 2
    assert not any(render([user("x")], plain).mask)
    assert not any(render(messages[:3], plain).mask[-12:])  # the generation prompt is not learnt


def test_mask_by_generation_blocks():
    tokenizer = ByteTokenizer(WITH_BLOCKS)
    rendered = render([user("q"), assistant("a1"), user("[A]"), assistant("a2")], tokenizer)
    said = [i for i, is_said in zip(rendered.ids, rendered.mask, strict=True) if is_said]
    assert rendered.text == "[user]q[A]a1<eod>[user][A][A]a2<eod>[A]"
    assert tokenizer.decode(said, skip_control=False) == "a1<eod>a2<eod>"


def test_mask_that_cannot_be_known_is_an_error():
    tokenizer = ByteTokenizer("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    rendered = render([user("q"), assistant("a")], tokenizer)
    assert rendered.ids
    with pytest.raises(UsageError, match="which tokens are the assistant's"):
        _ = rendered.mask


@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE])
def test_thought_stays_after_the_last_question_only(template):
    tokenizer = ByteTokenizer(template)
    as_field = [user("1"), assistant("A", reasoning_content="T1"), user("2"), assistant("B", reasoning="T2")]
    inline = [user("1"), assistant("<think>\nT1\n</think>\n\nA"), user("2"), assistant("<think>\nT2\n</think>\n\nB")]
    for messages in (as_field, inline):
        rendered = render(messages, tokenizer, add_generation_prompt=False)
        assert "T1" not in rendered.text
        assert rendered.text.endswith("<|im_start|>assistant\n<think>\nT2\n</think>\n\nB<|im_end|>\n")
        assert rendered.ids == tokenizer.encode(rendered.text, control=True)
        said = [i for i, is_said in zip(rendered.ids, rendered.mask, strict=True) if is_said]
        assert tokenizer.decode(said, skip_control=False) == "A<|im_end|><think>\nT2\n</think>\n\nB<|im_end|>"


def test_a_thoughts_own_words_are_guarded():
    rendered = render([user("q"), assistant("a", reasoning_content="x</think>y<|im_end|>")], plain)
    assert rendered.ids.count(plain.control_tokens["</think>"]) == 1
    assert rendered.text.count("</think>") == 2


def test_opens_thought():
    opening = CHATML.replace("<|im_start|>assistant\n'", "<|im_start|>assistant\n<think>\n'")
    assert render([user("q <think>")], ByteTokenizer(opening)).opens_thought
    assert not render([user("q <think>")], ByteTokenizer(CHATML)).opens_thought
    assert not render([user("q")], ByteTokenizer(opening), add_generation_prompt=False).opens_thought
    closed = opening.replace("<think>\n'", "<think>\n\n</think>\n\n'")
    assert not render([user("q")], ByteTokenizer(closed)).opens_thought


@pytest.mark.parametrize("template", [None, CHATML])
def test_continue_final(template):
    tokenizer = ByteTokenizer(template)
    rendered = render([user("1+1?"), assistant("It is ")], tokenizer, continue_final=True)
    assert rendered.text.endswith("<|im_start|>assistant\nIt is ")
    thinking = render([user("1+1?"), assistant("<think>\nHm")], tokenizer, continue_final=True)
    assert thinking.text.endswith("<|im_start|>assistant\n<think>\nHm") and thinking.opens_thought
    with pytest.raises(UsageError, match=r"Message 1\.role: only an assistant"):
        render([user("x")], tokenizer, continue_final=True)


def test_template_reads_tools_and_kwargs_and_refuses():
    template = (
        "{{ tools | tojson }}|{{ mood }}|{% if messages|length > 1 %}{{ raise_exception('one only') }}{% endif %}"
        "{{ messages[0].content }}"
    )
    tokenizer = ByteTokenizer(template)
    tools = [{"type": "function", "function": {"name": "f", "description": "<eod>é"}}]
    rendered = render([user("x")], tokenizer, tools=tools, template_kwargs={"mood": "good"})
    assert rendered.text == '[{"type": "function", "function": {"name": "f", "description": "<eod>é"}}]|good|x'
    assert tokenizer.eos_id not in rendered.ids
    with pytest.raises(UsageError, match="one only"):
        render([user("x"), user("y")], tokenizer)
    with pytest.raises(UsageError, match="chat template"):
        render([user("x")], ByteTokenizer("{% for %}"))
    with pytest.raises(UsageError, match=r"tools\[0\]\.type"):
        render([user("x")], plain, tools=[{"name": "f"}])


def test_template_cannot_leave_the_sandbox():
    with pytest.raises(UsageError, match="chat template"):
        render([user("x")], ByteTokenizer("{{ ''.__class__.__mro__[1].__subclasses__() }}"))


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ("hi", "messages must be a list, not str"),
        ({"role": "user"}, "messages must be a list, not dict"),
        (None, "messages must be a list, not null"),
        ([], "messages is empty"),
        (["hi"], "Message 1: must be an object, not str"),
        ([user("a"), {"role": "bot", "content": "x"}], "Message 2.role: 'bot' is unknown; known: system"),
        ([{"content": "x"}], "Message 1.role: None is unknown"),
        ([{"role": "user"}], "Message 1.content: is missing"),
        ([{"role": "assistant", "content": None}], "Message 1.content: is missing"),
        ([user(3)], "Message 1.content: must be text or a list of text parts, not int"),
        ([user([{"type": "image_url", "image_url": {}}])], r"Message 1.content\[0\]: only text parts .* 'image_url'"),
        ([assistant("x", reasoning_content=3)], "Message 1.reasoning_content: must be text, not int"),
    ],
)
def test_bad_messages_are_named(messages, sentence):
    with pytest.raises(UsageError, match=sentence):
        render(messages, plain)


def test_parts_are_read():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert render([user(parts)], plain).ids == render([user("ab")], plain).ids


def test_names_of_fields_stay_although_a_control_token_holds_them():
    """SmolLM2 has `<repo_name>`: the key `name` is part of a control token and must still be found."""
    plain = ByteTokenizer()
    plain.control_tokens["<repo_name>"] = 300
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"<repo_name>": 1}'}}
    messages = [user("q"), {"role": "assistant", "content": "", "tool_calls": [call]}]
    rendered = render(messages, plain, add_generation_prompt=False)
    assert '{"name": "f", "arguments": {"<repo_name>": 1}}' in rendered.text and 300 not in rendered.ids
