"""A checkpoint's own chat template: rendered the way transformers does, and what it can do found out. Knows nothing of tokens.

A template is a program of a stranger, and runs in a process of its own with limits (`template_worker.py`): it may loop without
end, or ask for all memory there is. Ours (`family.CHAT_TEMPLATE`) does not, and runs here.
"""

import functools
import json
import pickle
from dataclasses import dataclass

from zhinao import foreign
from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE
from zhinao.lang import tr
from zhinao.limited import Limited

CPU_SECONDS, CPU_SECONDS_PER_BYTE = 1.0, 1e-6  # the usual prompt takes a thousandth of that
NUM_BYTES, NUM_BYTES_PER_BYTE = 2**27, 32
_MAX_TEXT, _MAX_TEXT_PER_BYTE = 2**23, 16


class TooCostlyError(UsageError):
    """A template that wants more computing, memory or text than any conversation needs."""


def render(template: str, context: dict, open_mark: str, close_mark: str) -> str:
    """The text of `template` for `context`. Raises UsageError with the template's own words where it refuses, TooCostlyError
    where it passes the limits, which grow with the conversation."""
    find = _here if template == CHAT_TEMPLATE else _asked
    found = find(template, context, open_mark, close_mark)
    if "text" in found:
        return found["text"]
    error = foreign.shown(found["error"], 600)
    raise UsageError(
        tr(
            f"The checkpoint's chat template cannot render these messages: {error}",
            f"模型自带的对话模板无法处理这些消息：{error}",
        ),
        tr("change the messages, or the chat_template of the checkpoint", "请修改消息，或修改模型的 chat_template"),
    )


def _here(*request) -> dict:
    from zhinao.prompt.jinja import rendered

    return rendered(*request)


def _asked(template: str, context: dict, open_mark: str, close_mark: str) -> dict:
    try:
        request = pickle.dumps((template, context, open_mark, close_mark), pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        return {"error": str(error)}
    size = len(request)
    answer = _worker().ask(
        request,
        CPU_SECONDS + CPU_SECONDS_PER_BYTE * size,
        NUM_BYTES + NUM_BYTES_PER_BYTE * size,
        _MAX_TEXT + _MAX_TEXT_PER_BYTE * size,
    )
    if answer is None:
        raise TooCostlyError(
            tr(
                f"The checkpoint's chat template takes more than {CPU_SECONDS:.0f} s or {NUM_BYTES >> 20} MiB for these messages.",
                f"模型自带的对话模板处理这些消息所需超过 {CPU_SECONDS:.0f} 秒或 {NUM_BYTES >> 20} MiB。",
            ),
            tr(
                "a template that does so is broken or means harm; replace the chat_template of the checkpoint",
                "这样的模板已损坏或怀有恶意，请更换模型的 chat_template",
            ),
        )
    return {"text" if answer[:1] == b"T" else "error": answer[1:].decode("utf-8", "surrogatepass")}


@functools.cache
def _worker() -> Limited:
    return Limited("zhinao.prompt.template_worker")


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
    except TooCostlyError:
        raise
    except UsageError:
        return None


def _shows(template: str, messages: list[dict], tools: list[dict], *words: str) -> bool:
    names = {"bos_token": "", "eos_token": "", "pad_token": ""}
    try:
        text = render(template, {**names, "messages": messages, "tools": tools, "add_generation_prompt": True}, "", "")
    except TooCostlyError:
        raise
    except UsageError:
        return False
    return all(word in text for word in words)
