"""Messages in OpenAI's form, checked and copied. Does not know templates or tokens.

The copy has `content` as one string and the thought under `reasoning_content`; the caller's messages stay as they are.
"""

import copy
import json
from collections.abc import Mapping, Sequence

from zhinao.errors import UsageError
from zhinao.lang import tr

ROLES = ("system", "developer", "user", "assistant", "tool")
MAX_DEPTH = 100  # of lists and objects within one another


def check_depth(name: str, value) -> None:
    """Raises UsageError where `value` is nested so deeply that walking it would exhaust the stack."""
    layer, depth = [value], 0
    while layer:
        layer = [
            inner
            for outer in layer
            if isinstance(outer, (Mapping, list, tuple))
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
        depth += 1
        if depth > MAX_DEPTH:
            raise UsageError(tr(f"{name} is nested more than {MAX_DEPTH} deep.", f"{name} 嵌套超过 {MAX_DEPTH} 层。"))


def normalized(messages) -> list[dict]:
    """Deep copies of `messages`. Raises UsageError naming the number (from 1) and field of what is wrong."""
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence):
        raise UsageError(
            tr(f"messages must be a list, not {_kind(messages)}.", f"messages 必须是列表，而不是 {_kind(messages)}。"),
            'messages=[{"role": "user", "content": "…"}]',
        )
    check_depth("messages", messages)
    if not messages:
        raise UsageError(tr("messages is empty.", "messages 是空的。"), '[{"role": "user", "content": "…"}]')
    result = [_message(number, message) for number, message in enumerate(messages, start=1)]
    _check_answered(result)
    return result


def with_arguments(messages: list[dict], as_text: bool) -> list[dict]:
    """Copies of normalized messages in which the arguments of calls are JSON text, or objects where they are JSON at all."""
    result = copy.deepcopy(messages)
    for message in result:
        for call in message.get("tool_calls") or ():
            function = call["function"]
            function["arguments"] = (_text if as_text else _object)(function["arguments"])
    return result


def _text(arguments) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _object(arguments):
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments
    return value if isinstance(value, dict) else arguments


def _message(number: int, message) -> dict:
    if not isinstance(message, Mapping):
        raise _error(number, "", tr(f"must be an object, not {_kind(message)}", f"必须是对象，而不是 {_kind(message)}"))
    result = copy.deepcopy(dict(message))
    role = result.get("role")
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise _error(number, "role", tr(f"{role!r} is unknown; known: {known}", f"未知的 {role!r}，可用：{known}"))
    result["role"] = "system" if role == "developer" else role
    if result.get("tool_calls") is None:
        result.pop("tool_calls", None)
    else:
        result["tool_calls"] = _calls(number, role, result["tool_calls"])
    reasoning = _reasoning(number, result)
    for name in ("reasoning", "reasoning_content"):
        result.pop(name, None)
    if reasoning:
        result["reasoning_content"] = result["reasoning"] = reasoning
    is_optional = role == "assistant" and (result.get("tool_calls") or reasoning)
    result["content"] = _content(number, result.get("content"), bool(is_optional))
    return result


def _reasoning(number: int, message: dict) -> str:
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if value is not None and not isinstance(value, str):
            raise _error(number, name, tr(f"must be text, not {_kind(value)}", f"必须是文本，而不是 {_kind(value)}"))
    return message.get("reasoning_content") or message.get("reasoning") or ""


def _content(number: int, content, is_optional: bool) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        if is_optional:
            return ""
        raise _error(number, "content", tr("is missing", "缺失"))
    if not isinstance(content, list):
        raise _error(
            number,
            "content",
            tr(
                f"must be text or a list of text parts, not {_kind(content)}",
                f"必须是文本或文本片段的列表，而不是 {_kind(content)}",
            ),
        )
    return "".join(_part(number, place, part) for place, part in enumerate(content))


def _part(number: int, place: int, part) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else _kind(part)
    if kind == "text" and isinstance(part.get("text"), str):
        return part["text"]
    raise _error(
        number,
        f"content[{place}]",
        tr(f"only text parts can be read, not {kind!r}", f"只支持文本片段，不支持 {kind!r}"),
    )


def _calls(number: int, role: str, calls) -> list[dict]:
    """The calls with `id` (where given), `type` and `function`, whose arguments are JSON text or an object."""
    if role != "assistant":
        raise _error(number, "tool_calls", tr("only an assistant calls tools", "只有 assistant 才能调用工具"))
    if not isinstance(calls, list):
        raise _error(
            number, "tool_calls", tr(f"must be a list, not {_kind(calls)}", f"必须是列表，而不是 {_kind(calls)}")
        )
    return [_call(number, f"tool_calls[{place}]", call) for place, call in enumerate(calls)]


def _call(number: int, place: str, call) -> dict:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        raise _error(number, f"{place}.function", tr("must be an object with a name", "必须是带 name 的对象"))
    if call.get("type", "function") != "function":
        raise _error(number, f"{place}.type", tr('must be "function"', '必须是 "function"'))
    if not isinstance(call.get("id", ""), str):
        raise _error(number, f"{place}.id", tr("must be text", "必须是文本"))
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        raise _error(number, f"{place}.function.name", tr("must be text", "必须是文本"))
    if arguments is not None and not isinstance(arguments, (str, Mapping)):
        kind = _kind(arguments)
        raise _error(
            number,
            f"{place}.function.arguments",
            tr(f"must be JSON text or an object, not {kind}", f"必须是 JSON 文本或对象，而不是 {kind}"),
        )
    arguments = arguments or "{}"  # some clients send "" for no arguments
    return {**call, "type": "function", "function": {**function, "name": name, "arguments": arguments}}


def _check_answered(messages: list[dict]) -> None:
    """A response names a call of an earlier message, where it names one."""
    ids = set()
    for number, message in enumerate(messages, start=1):
        ids |= {call["id"] for call in message.get("tool_calls") or () if "id" in call}
        if message["role"] != "tool" or (id := message.get("tool_call_id")) is None:
            continue
        if not isinstance(id, str) or id not in ids:
            what = tr(f"{id!r} is no call of an earlier message", f"前面的消息中没有调用 {id!r}")
            raise _error(number, "tool_call_id", what)


def _kind(value) -> str:
    return "null" if value is None else type(value).__name__


def _error(number: int, field: str, what: str) -> UsageError:
    where = f".{field}" if field else ""
    return UsageError(tr(f"Message {number}{where}: {what}.", f"第 {number} 条消息{where}：{what}。"))
