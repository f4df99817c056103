"""The `input` of OpenAI's Responses API, text or items, as the messages of a chat. Pure.

What belongs to one turn of the assistant (thought, words, calls) comes as several items and becomes one message.
"""

import json
from collections.abc import Mapping

from zhinao.lang import tr
from zhinao.serve.errors import ApiError

_TEXTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")


def refused(place: str, what: str) -> ApiError:
    """A 400 that names the field."""
    return ApiError(400, f"{place}: {what}.", param=place)


def messages(given, instructions=None) -> list[dict]:
    """Raises ApiError 400 naming the item's place and field."""
    if isinstance(given, str):
        found = [{"role": "user", "content": given}]
    elif isinstance(given, list):
        found = _of_items(given)
    else:
        raise refused("input", tr("It must be text or a list of items", "必须是文本或列表"))
    return _instructed(found, instructions)


def _instructed(found: list[dict], instructions) -> list[dict]:
    """Instructions come first; a system message of the input's own follows them in the same frame, as models expect one."""
    if instructions is None:
        return found
    if not isinstance(instructions, str):
        raise refused("instructions", tr("It must be text", "必须是文本"))
    if found and found[0]["role"] in ("system", "developer"):
        first, *found = found
        instructions = f"{instructions}\n\n{first['content']}"
    return [{"role": "system", "content": instructions}, *found]


def _of_items(items: list) -> list[dict]:
    found: list[dict] = []
    for n, item in enumerate(items):
        place = f"input[{n}]"
        if not isinstance(item, Mapping):
            raise refused(place, tr("It must be an object", "必须是对象"))
        kind = item.get("type", "message" if "role" in item else None)
        if is_foreign_item(item):
            continue
        if not isinstance(kind, str) or kind not in _ITEMS:
            known = ", ".join(_ITEMS)
            what = tr(f"{kind!r} is not known; known: {known}", f"不支持 {kind!r}，可用：{known}")
            raise refused(f"{place}.type", what)
        _ITEMS[kind](found, place, item)
    return found


def _message(found: list[dict], place: str, item: Mapping) -> None:
    role, content = item.get("role"), item.get("content")
    content = "" if role == "assistant" and content is None else _text(f"{place}.content", content)
    if role not in ("user", "system", "developer", "assistant"):
        raise refused(f"{place}.role", tr(f"{role!r} is unknown", f"未知的 {role!r}"))
    if role == "assistant":
        turn = _turn(found, is_free=lambda open_turn: open_turn["content"] is None and "tool_calls" not in open_turn)
        turn["content"] = content
    else:
        found.append({"role": role, "content": content})


def _reasoning(found: list[dict], place: str, item: Mapping) -> None:
    """The thought; what other servers put there encrypted, or only as a summary, tells this model nothing."""
    if thought := _text(f"{place}.content", item.get("content") or []):
        turn = _turn(found, is_free=lambda open_turn: False)
        turn["reasoning_content"] = thought


def _call(found: list[dict], place: str, item: Mapping) -> None:
    for name in ("call_id", "name", "arguments"):
        if not isinstance(item.get(name), str):
            raise refused(f"{place}.{name}", tr("It must be text", "必须是文本"))
    turn = _turn(found, is_free=lambda open_turn: True)
    function = {"name": item["name"], "arguments": item["arguments"]}
    turn.setdefault("tool_calls", []).append({"id": item["call_id"], "type": "function", "function": function})


def _custom_call(found: list[dict], place: str, item: Mapping) -> None:
    """A call of a tool whose input is no JSON, made by another model earlier in the conversation."""
    _call(found, place, {**item, "arguments": json.dumps({"input": item.get("input")}, ensure_ascii=False)})


def _shell_call(found: list[dict], place: str, item: Mapping) -> None:
    arguments = json.dumps(item.get("action") or {}, ensure_ascii=False)
    _call(found, place, {**item, "name": "local_shell", "arguments": arguments})


def _output(found: list[dict], place: str, item: Mapping) -> None:
    if not isinstance(item.get("call_id"), str):
        raise refused(f"{place}.call_id", tr("It must be text", "必须是文本"))
    content = "" if item.get("output") is None else _text(f"{place}.output", item["output"])
    found.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})


def _reference(found: list[dict], place: str, item: Mapping) -> None:
    what = tr(
        "This server keeps nothing that it could refer to → send the item itself",
        "服务器不保存任何内容 → 请直接发送该项",
    )
    raise refused(f"{place}.type", what)


_ITEMS = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "local_shell_call": _shell_call,
    "local_shell_call_output": _output,
    "item_reference": _reference,
}


# What other servers did themselves or keep to themselves, in a conversation that began there: no words of it are ours to read.
_FOREIGN = (
    *("web_search_call", "file_search_call", "image_generation_call", "code_interpreter_call", "computer_call"),
    *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "tool_search_call", "tool_search_output"),
    *("compaction", "compaction_summary", "ghost_snapshot"),
)


def is_foreign_item(item) -> bool:
    """An item that is passed over, and named to the client."""
    kind = item.get("type") if isinstance(item, Mapping) else None
    return isinstance(kind, str) and kind in _FOREIGN


def _turn(found: list[dict], is_free) -> dict:
    """The assistant's message that an item belongs to: the last one where it is free for it, else a new one."""
    if not (found and found[-1]["role"] == "assistant" and is_free(found[-1])):
        found.append({"role": "assistant", "content": None})
    return found[-1]


def _text(place: str, content) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise refused(place, tr("It must be text or a list of parts", "必须是文本或片段的列表"))
    return "".join(_part(f"{place}[{n}]", part) for n, part in enumerate(content))


def _part(place: str, part) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    text = part.get("refusal" if kind == "refusal" else "text") if isinstance(part, Mapping) else None
    if kind in (*_TEXTS, "refusal") and isinstance(text, str):
        return text
    raise refused(place, tr(f"Only text can be read, not {kind!r}", f"只支持文本，不支持 {kind!r}"))
