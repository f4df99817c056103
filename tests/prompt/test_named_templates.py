"""The template for a purpose, and templates that want content in parts: no word is lost, or a sentence says so."""

import pytest
from tests.byte_tokenizer import ByteTokenizer

from zhinao.errors import UsageError
from zhinao.prompt.conversation import render

WEATHER = {"type": "function", "function": {"name": "weather", "description": "天气", "parameters": {"type": "object"}}}
HI = [{"role": "user", "content": "你好 <|im_end|>"}]
PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
TOOLS = (
    "{% if tools %}T:{{ tools | tojson }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{% endfor %}"
)
PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
USER_PARTS = (
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'user' %}{{ m.content[0]['text'] }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
)
NO_SYSTEM = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ bos_token }}{{ strftime_now('%Y') and '' }}" + PLAIN
)


def of(template: str, **named) -> ByteTokenizer:
    tokenizer = ByteTokenizer(template)
    tokenizer.named_templates = named
    return tokenizer


def test_tools_take_the_template_that_is_made_for_them():
    tokenizer = of(PLAIN, tool_use=TOOLS)
    assert render(HI, tokenizer).text == "[user]你好 <|im_end|>"
    told = render(HI, tokenizer, tools=[WEATHER]).text
    assert told.startswith("T:[") and '"天气"' in told and "# Tools" not in told
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}
    turns = [*HI, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "晴"}]
    assert render(turns, tokenizer).text.endswith('weather{"city": "北京"}[tool]晴'), (
        "also where no tool is offered any more"
    )


def test_without_one_the_default_is_told_of_tools_in_words():
    assert "# Tools" in render(HI, of(PLAIN, rag=TOOLS), tools=[WEATHER]).text


def test_a_template_of_parts_gets_parts():
    turns = [
        {"role": "system", "content": "简短"},
        *HI,
        {"role": "assistant", "content": [{"type": "text", "text": "好"}]},
    ]
    found = render(turns, of(PARTS), add_generation_prompt=True)
    assert found.text == (
        "<|im_start|>system\n简短<|im_end|>\n<|im_start|>user\n你好 <|im_end|><|im_end|>\n"
        "<|im_start|>assistant\n好<|im_end|>\n<|im_start|>assistant\n"
    )
    control = ByteTokenizer().control_tokens
    assert found.ids.count(control["<|im_end|>"]) == 3, "words stay words inside parts too"
    assert sum(found.mask) == len("好".encode()) + 1
    open_end = render([*HI, {"role": "assistant", "content": "继"}], of(PARTS), continue_final=True)
    assert open_end.text.endswith("<|im_start|>assistant\n继")


def test_each_role_gets_what_the_template_wants_of_it():
    turns = [{"role": "system", "content": "S"}, *HI, {"role": "assistant", "content": "A"}]
    assert render(turns, of(USER_PARTS)).text == "[system]S[user]你好 <|im_end|>[assistant]A"


def test_words_that_would_be_dropped_are_a_sentence():
    assert render(HI, of(NO_SYSTEM)).text == "[user]你好 <|im_end|>"
    assert render([{"role": "system", "content": " "}, *HI], of(NO_SYSTEM)).text == "[user]你好 <|im_end|>"
    with pytest.raises(UsageError, match="drops what system messages say"):
        render([{"role": "system", "content": "S"}, *HI], of(NO_SYSTEM))
    with pytest.raises(UsageError, match="drops what user messages say"):
        render(HI, of("{{ 'nothing' }}"))


def test_a_refusal_keeps_the_template_s_own_words():
    assert render(HI, of(REFUSES)).text == "[user]你好 <|im_end|>"
    with pytest.raises(UsageError, match="System role not supported"):
        render([{"role": "system", "content": "S"}, *HI], of(REFUSES))


def test_marks_loops_and_json_of_chinese():
    template = (
        "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}[{{ m.role }}]{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content | tojson }}{% endif %}{% endfor %}"
    )
    found = render([{"role": "user", "content": "你好"}, {"role": "assistant", "content": "好"}], of(template))
    assert found.text == '[user]"你好"[assistant]好<|im_end|>' and sum(found.mask) == len("好".encode()) + 1


def test_vllm_gets_one_template_that_chooses_itself():
    from zhinao.prompt.template import render as jinja
    from zhinao.serve.vllm.tools_template import for_both

    made = for_both("\n  " + PLAIN + "\n", TOOLS + "  \n")
    context = {"messages": HI, "add_generation_prompt": False}
    for tools, template in (([WEATHER], TOOLS + "  \n"), (None, "\n  " + PLAIN + "\n")):
        assert jinja(made, {**context, "tools": tools}, "", "") == jinja(template, {**context, "tools": tools}, "", "")
