"""A checkpoint's own chat template, run in Jinja's sandbox the way transformers runs it. Knows nothing of tokens.

`{% generation %}…{% endgeneration %}` blocks, which mark what the assistant wrote, come out between two marker characters.
"""

import datetime
import functools
import json
from dataclasses import dataclass

from zhinao.errors import UsageError
from zhinao.lang import tr


def render(template: str, context: dict, open_mark: str, close_mark: str) -> str:
    """The text of `template` for `context`. Raises UsageError with the template's own words where it refuses."""
    from jinja2 import TemplateError

    try:
        return _compiled(template, open_mark, close_mark).render(**context)
    except (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise UsageError(
            tr(
                f"The checkpoint's chat template cannot render these messages: {error}",
                f"模型自带的对话模板无法处理这些消息：{error}",
            ),
            tr("change the messages, or the chat_template of the checkpoint", "请修改消息，或修改模型的 chat_template"),
        ) from None


TEXT, OBJECT = "text", "object"


@dataclass(frozen=True)
class ToolSupport:
    """What a template does with tools. `calls`: how it wants arguments, as JSON TEXT or as an OBJECT; None: it drops them."""

    tells_tools: bool
    calls: str | None


@functools.lru_cache(maxsize=16)
def tool_support(template: str) -> ToolSupport:
    """Found out by showing it a tool, a call and a response: words in its source would not tell what it does with them."""
    parameters = {"type": "object", "properties": {"probe_argument": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "probe_tool", "description": "x", "parameters": parameters}}]
    question = {"role": "user", "content": "x"}
    if not _shows(template, [question], tools, "probe_tool", "probe_argument"):
        return ToolSupport(False, None)
    written = '{"probe_argument": "probe_value"}'
    for kind, arguments in ((TEXT, written), (OBJECT, json.loads(written))):
        call = {"id": "call_000000000", "type": "function", "function": {"name": "probe_tool", "arguments": arguments}}
        turn = [
            question,
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "probe_response", "tool_call_id": call["id"], "name": "probe_tool"},
        ]
        if _shows(template, turn, tools, written, "probe_response"):
            return ToolSupport(True, kind)
    return ToolSupport(True, None)


@functools.lru_cache(maxsize=64)
def content_form(template: str, role: str) -> str | None:
    """How `template` wants the content of a message: as `text`, or as a list of `parts`; None where it drops both.

    Found out by showing it either. Where it refuses the trial it is taken to want text: the true rendering tells why.
    """
    refused = 0
    for form, content in (("text", "probe_words"), ("parts", [{"type": "text", "text": "probe_words"}])):
        shown = _trial(template, role, content)
        if shown is not None and "probe_words" in shown:
            return form
        refused += shown is None
    return "text" if refused else None


def _trial(template: str, role: str, content) -> str | None:
    """The text of a short conversation in which `role` says `content`; None where the template refuses it."""
    message = {"role": role, "content": content}
    asked = content if role == "user" else "x"
    if role != "user" and content_form(template, "user") == "parts":
        asked = [{"type": "text", "text": asked}]
    question = {"role": "user", "content": asked}
    answer = {"role": "assistant", "content": content if role == "assistant" else "x"}
    turns = {"user": [question], "assistant": [question, answer], "system": [message, question]}
    names = {"bos_token": "", "eos_token": "", "pad_token": "", "tools": None, "add_generation_prompt": False}
    try:
        return render(template, {**names, "messages": turns.get(role, [question, answer, message])}, "", "")
    except UsageError:
        return None


def _shows(template: str, messages: list[dict], tools: list[dict], *words: str) -> bool:
    names = {"bos_token": "", "eos_token": "", "pad_token": ""}
    try:
        text = render(template, {**names, "messages": messages, "tools": tools, "add_generation_prompt": True}, "", "")
    except UsageError:
        return False
    return all(word in text for word in words)


@functools.lru_cache(maxsize=16)
def _compiled(template: str, open_mark: str, close_mark: str):
    from jinja2 import ext, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(ext.Extension):
        tags = {"generation"}  # noqa: RUF012 (Jinja's own form)

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("marked"), [], [], body).set_lineno(line)

        def marked(self, caller) -> str:
            return open_mark + caller() + close_mark

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return environment.from_string(template)


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False) -> str:
    """JSON with plain characters: Jinja's own filter escapes `<`, and escaped characters would hide our marks."""
    if ensure_ascii:
        raise ValueError("tojson(ensure_ascii=true)")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str):
    from jinja2 import TemplateError

    raise TemplateError(message)
