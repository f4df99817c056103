"""Calls of tools as they were written before `tool_calls`, and the turns that belong together because of it.

Calls have been a turn of their own (ShareGPT's function_call, ms-swift's tool_call) and a field (OpenAI's function_call).
A model says its text and its calls in one go, and a server shows them in one frame; so they become one message here.
"""

import json

from zhinao.data.read.formats.fields import Misfit, from_json, kind_of
from zhinao.family import THINK_CLOSE
from zhinao.lang import tr

# Roles of turns that are calls alone, and of turns that are what a tool gave back.
CALLERS = frozenset({"function_call", "tool_call"})
RESPONDERS = frozenset({"tool", "function", "observation", "tool_response"})


def turn(value, field: str) -> dict:
    """A turn of CALLERS as a message: JSON of `{"name": …, "arguments": …}` or of a list of them, behind a thought if there is
    one. Raises Misfit."""
    thought = ""
    if isinstance(value, str) and THINK_CLOSE in value.partition("{")[0]:
        thought, mark, value = value.rpartition(THINK_CLOSE)
        thought += mark
    return {"role": "assistant", "content": thought, "tool_calls": calls(value, field)}


def calls(value, field: str) -> list[dict]:
    """One call or a list of them, as text or not, in OpenAI's form."""
    is_text = isinstance(value, str)
    value = from_json(value, field) if is_text else value
    return [_call(call, field, is_text) for call in (value if isinstance(value, list) and value else [value])]


def _call(call, field: str, is_text: bool) -> dict:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        raise Misfit(field, tr('must be {"name": …, "arguments": …}', '应为 {"name": …, "arguments": …}'))
    arguments = call.get("arguments")
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, (str, dict)):
        what = tr(
            f"must be an object or text, not {kind_of(arguments)}", f"必须是对象或文本，而不是{kind_of(arguments)}"
        )
        raise Misfit(f"{field}.arguments", what)
    if is_text and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", "function": {"name": call["name"], "arguments": arguments}}


def of_message(message: dict, role: str, field: str) -> list[dict]:
    """The calls of a message, by `tool_calls` or by the older `function_call`. Raises Misfit for two that differ."""
    newer, older = message.get("tool_calls") or [], message.get("function_call")
    if not older:
        return newer
    found = calls(older, f"{field}.function_call")
    if role != "assistant":
        raise Misfit(f"{field}.function_call", tr("only an assistant calls tools", "只有 assistant 才能调用工具"))
    if newer and [call.get("function") for call in newer if isinstance(call, dict)] != [c["function"] for c in found]:
        raise Misfit(
            f"{field}.function_call", tr("differs from the tool_calls beside it", "与旁边的 tool_calls 不一致")
        )
    return newer or found


def joined(messages: list[dict], field: str) -> list[dict]:
    """The messages with calls in the message whose text, or whose other calls, they follow. Raises Misfit where the two do not
    weigh the same."""
    result: list[dict] = []
    for n, message in enumerate(messages):
        if not (result and _continues(result[-1], message)):
            result.append(message)
            continue
        before = result[-1]
        if before.get("weight") != message.get("weight"):
            what = tr(
                "is one turn with the message before it, and weighs something else",
                "与前一条消息属于同一轮，但权重不同",
            )
            raise Misfit(f"{field}[{n}]", what)
        result[-1] = before | {"tool_calls": [*before.get("tool_calls", ()), *message["tool_calls"]]}
    return result


def _continues(before: dict, message: dict) -> bool:
    """Whether a message is calls alone, behind what the assistant has just said."""
    is_bare = "tool_calls" in message and not message["content"] and "reasoning_content" not in message
    return is_bare and before["role"] == message["role"] == "assistant" and before.get("name") == message.get("name")
