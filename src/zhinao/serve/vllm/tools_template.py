"""A chat template that tells the model of tools, for checkpoints whose own drops them: a preamble in Jinja before it.

It rewrites `messages` as `prompt/hermes.py` does for the embedded engine, and leaves the rest to the checkpoint's template.
vLLM renders prompts by template alone, so no code of ours can do it there.
"""

import json

from zhinao.family import TOOL_CLOSE, TOOL_OPEN
from zhinao.prompt import hermes
from zhinao.prompt.template import tool_support

_TOOLS = """\
{%- if tools -%}
    {%- set zhinao.tools = BEFORE -%}
    {%- for tool in tools -%}
        {%- set zhinao.tools = zhinao.tools + '\\n' + (tool | tojson) -%}
    {%- endfor -%}
    {%- set zhinao.tools = zhinao.tools + AFTER -%}
    {%- if not messages or messages[0]['role'] not in ['system', 'developer'] -%}
        {%- set zhinao.messages = [{'role': 'system', 'content': DEFAULT + zhinao.tools}] -%}
        {%- set zhinao.tools = '' -%}
    {%- endif -%}
    {%- set tools = none -%}
{%- endif -%}
"""
_MESSAGES = """\
{%- for message in messages -%}
    {%- set zhinao.content = message['content'] or '' -%}
    {%- if message['role'] == 'tool' -%}
        {%- set zhinao.content = '<tool_response>\\n' + zhinao.content + '\\n</tool_response>' -%}
        {%- if not loop.first and messages[loop.index0 - 1]['role'] == 'tool' -%}
            {%- set zhinao.content = zhinao.messages[-1]['content'] + '\\n' + zhinao.content -%}
            {%- set zhinao.messages = zhinao.messages[:-1] -%}
        {%- endif -%}
        {%- set zhinao.messages = zhinao.messages + [{'role': 'user', 'content': zhinao.content}] -%}
    {%- else -%}
        {%- if loop.first -%}
            {%- set zhinao.content = zhinao.content + zhinao.tools -%}
        {%- endif -%}
        {%- for call in message['tool_calls'] or [] -%}
            {%- set function = call['function'] or call -%}
            {%- set arguments = function['arguments'] -%}
            {%- if zhinao.content and zhinao.content[-1:] != '\\n' -%}
                {%- set zhinao.content = zhinao.content + '\\n' -%}
            {%- endif -%}
            {%- set zhinao.content = zhinao.content + OPEN + '\\n{"name": ' + (function['name'] | tojson) -%}
            {%- set zhinao.content = zhinao.content + ', "arguments": '
                + (arguments if arguments is string else arguments | tojson) + '}\\n' + CLOSE -%}
        {%- endfor -%}
        {%- set zhinao.messages = zhinao.messages + [dict(message, content=zhinao.content, tool_calls=[])] -%}
    {%- endif -%}
{%- endfor -%}
{%- set messages = zhinao.messages -%}
"""


def for_both(default: str, for_tools: str | None) -> str:
    """One template out of the one for plain conversations and the one that the checkpoint has for tools (None: none of its own)."""
    if for_tools is None:
        return with_tools(default)
    # Expressions that write nothing keep the white space around, which `trim_blocks` would take; Jinja itself drops the last line end.
    first, second = (template.removesuffix("\n") for template in (with_tools(for_tools), default))
    return f"{{% if tools %}}{{{{ '' }}}}{first}{{{{ '' }}}}{{% else %}}{{{{ '' }}}}{second}{{{{ '' }}}}{{% endif %}}"


def with_tools(template: str) -> str:
    """`template` itself where it shows tools, calls and responses; else with the preamble that puts them into messages."""
    support = tool_support(template)
    if support.calls:
        return template
    mark = "the tools"
    system = hermes.in_messages([{"role": "user", "content": ""}], [mark])[0]["content"]
    default, before, after = _around(system, f"\n{json.dumps(mark)}")
    words = {"BEFORE": before, "AFTER": after, "DEFAULT": default, "OPEN": TOOL_OPEN, "CLOSE": TOOL_CLOSE}
    head = "{%- set zhinao = namespace(messages=[], tools='', content='') -%}\n"
    preamble = head + ("" if support.tells_tools else _TOOLS) + _MESSAGES
    for name, text in words.items():
        preamble = preamble.replace(f" {name} ", f" {_literal(text)} ")
    return preamble + "{{- '' }}" + template  # which keeps the white space that the template begins with


def _around(system: str, tool: str) -> tuple[str, str, str]:
    """The default system message, what follows it before the tools, and what stands after them."""
    before, _, after = system.partition(tool)
    default, gap, words = before.partition("\n\n")
    return default, gap + words, after


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
