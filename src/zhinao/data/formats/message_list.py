"""A list of messages in OpenAI's form, `role` and `content`, as samples hold it; and back.

Content parts become one text, `reasoning` becomes `reasoning_content`, `loss_weight` and `loss` become `weight`. The order of
roles is not judged here.
"""

from collections import Counter

from zhinao.data.formats.fields import WEIGHTS, Misfit, called, items, kind_of, optional_text, text, weight
from zhinao.lang import tr
from zhinao.prompt.messages import ROLES, normalized

FIELDS = {"role", "content", "reasoning_content", "reasoning", "tool_calls", "tool_call_id", "name", *WEIGHTS}

_PLAIN = {"role", "content"}


def read_messages(value, field: str, ignored: Counter) -> list[dict]:
    """Messages with `role`, `content`, and where given `reasoning_content`, `tool_calls`, `tool_call_id`, `name`, `weight`.

    Fields that are not read are counted in `ignored`. Raises Misfit.
    """
    result = [_message(message, f"{field}[{n}]", ignored) for n, message in enumerate(items(value, field))]
    if any(message["role"] == "tool" or "tool_calls" in message for message in result):
        checked = called(normalized, result, field)
        for message, copy in zip(result, checked, strict=True):
            if "tool_calls" in copy:
                message["tool_calls"] = copy["tool_calls"]
    return result


def is_message(value) -> bool:
    return isinstance(value, dict) and "role" in value


def _message(message, field: str, ignored: Counter) -> dict:
    if not isinstance(message, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(message)}", f"必须是对象，而不是{kind_of(message)}"))
    if message.keys() == _PLAIN and message["role"] in ROLES and isinstance(message["content"], str):
        return dict(message)  # nearly all are; this is the quick way
    role = text(message, "role", f"{field}.role")
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise Misfit(f"{field}.role", tr(f"{role!r} is unknown; known: {known}", f"未知的 {role!r}，可用：{known}"))
    result = {"role": role, "content": ""}
    thought = _thought(message, field)
    calls = message.get("tool_calls") or None
    if message.get("content") is not None or not (role == "assistant" and (calls or thought)):
        result["content"] = _content(message, field)
    if thought:
        result["reasoning_content"] = thought
    if calls:
        result["tool_calls"] = calls
    for name in ("tool_call_id", "name"):
        if value := optional_text(message, name, f"{field}.{name}"):
            result[name] = value
    add_weight(result, message, field)
    for name in message.keys() - FIELDS:
        ignored[f"messages[].{name}"] += message[name] is not None
    return result


def add_weight(result: dict, message: dict, field: str) -> None:
    """Puts `weight` into `result` where it says more than the rule does: an assistant's message counts 1, others 0."""
    value = weight(message, field)
    is_trained = result["role"] == "assistant"
    if value and not is_trained:
        what = tr("only what the assistant says can be trained", "只能训练 assistant 的话")
        raise Misfit(f"{field}.{next(name for name in WEIGHTS if message.get(name) is not None)}", what)
    if is_trained and value is not None and value != 1:
        result["weight"] = value


def _thought(message: dict, field: str) -> str:
    found = [optional_text(message, name, f"{field}.{name}") for name in ("reasoning_content", "reasoning")]
    if all(found) and found[0] != found[1]:
        raise Misfit(f"{field}.reasoning", tr("differs from reasoning_content", "与 reasoning_content 不一致"))
    return found[0] or found[1]


def _content(message: dict, field: str) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_part(part, f"{field}.content[{n}]") for n, part in enumerate(content))
    return text(message, "content", f"{field}.content")


def _part(part, field: str) -> str:
    """A part of text: OpenAI's `{"type": "text", "text": …}`, or `value` as in LLaMA-Factory's newer files."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(part)}", f"必须是对象，而不是{kind_of(part)}"))
    if part.get("type") != "text":
        kind = part.get("type")
        raise Misfit(field, tr(f"only text parts can be read, not {kind!r}", f"只支持文本片段，不支持 {kind!r}"))
    name = "value" if part.get("text") is None and "value" in part else "text"
    return text(part, name, f"{field}.{name}")
