"""A list of messages in OpenAI's form, `role` and `content`, as samples hold it; and back.

Content parts become one text, `reasoning` becomes `reasoning_content`, `loss_weight`, `train` and their like become `weight`,
`function_call` becomes `tool_calls`. The order of roles is not judged here. A field that says what is learned in a way that is
not followed here is a Misfit.
"""

from collections import Counter

from zhinao.data.read.formats import calls
from zhinao.data.read.formats.fields import (
    LABELS,
    NUMBERS,
    WEIGHTS,
    Misfit,
    called,
    items,
    kind_of,
    number,
    optional_text,
    text,
    truth,
    weight,
)
from zhinao.lang import tr
from zhinao.prompt.messages import ROLES, normalized

FIELDS = {
    "role",
    "content",
    "reasoning_content",
    "reasoning",
    "tool_calls",
    "function_call",
    "tool_call_id",
    "name",
} | {*WEIGHTS}
# Fields that say what is learned, or hold calls, in other ways: Axolotl's parts of a turn, a mask that may mean either, the
# calls and tools of some public sets.
_NOT_FOLLOWED = ("train_detail", "training_detail", "mask", "function_calls", "functions", "tool_call")
_NOTHING = (None, "", [], {})

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
    return calls.joined(result, field)


def is_message(value) -> bool:
    return isinstance(value, dict) and "role" in value


def _message(message, field: str, ignored: Counter) -> dict:
    if not isinstance(message, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(message)}", f"必须是对象，而不是{kind_of(message)}"))
    if message.keys() == _PLAIN and message["role"] in ROLES and isinstance(message["content"], str):
        return dict(message)  # nearly all are; this is the quick way
    role = text(message, "role", f"{field}.role")
    if role in calls.CALLERS:
        return _finished(calls.turn(message.get("content"), f"{field}.content"), message, field, ignored)
    role = "tool" if role in calls.RESPONDERS else role
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise Misfit(f"{field}.role", tr(f"{role!r} is unknown; known: {known}", f"未知的 {role!r}，可用：{known}"))
    result = {"role": role, "content": ""}
    thought = _thought(message, field)
    called_tools = calls.of_message(message, role, field)
    if message.get("content") is not None or not (role == "assistant" and (called_tools or thought)):
        result["content"] = _content(message, field, ignored)
    if thought:
        result["reasoning_content"] = thought
    if called_tools:
        result["tool_calls"] = called_tools
    for name in ("tool_call_id", "name"):
        if value := optional_text(message, name, f"{field}.{name}"):
            result[name] = value
    return _finished(result, message, field, ignored)


def _finished(result: dict, message: dict, field: str, ignored: Counter) -> dict:
    add_weight(result, message, field)
    check_followed(message, field)
    for name in message.keys() - FIELDS:
        ignored[f"messages[].{name}"] += message[name] is not None
    return result


def check_followed(message: dict, field: str) -> None:
    """Raises Misfit for a field that says what is learned in a way that is not followed here."""
    unread = next((name for name in _NOT_FOLLOWED if message.get(name) not in _NOTHING), None)
    unread = unread or next((name for name, good in LABELS.items() if message.get(name) is (not good)), None)
    if unread:
        what = tr(
            "says what is learned in a way that is not followed here; use weight (0: not learned), tool_calls and tools",
            "以此处不支持的方式指定训练内容；请用 weight（0 为不训练）、tool_calls 与 tools",
        )
        raise Misfit(f"{field}.{unread}", what)


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


def _content(message: dict, field: str, ignored: Counter) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_part(part, f"{field}.content[{n}]", ignored) for n, part in enumerate(content))
    return text(message, "content", f"{field}.content")


def _part(part, field: str, ignored: Counter) -> str:
    """A part of text: OpenAI's `{"type": "text", "text": …}`, or `value` as in LLaMA-Factory's newer files."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(part)}", f"必须是对象，而不是{kind_of(part)}"))
    if part.get("type") != "text":
        kind = part.get("type")
        raise Misfit(field, tr(f"only text parts can be read, not {kind!r}", f"只支持文本片段，不支持 {kind!r}"))
    name = "value" if part.get("text") is None and "value" in part else "text"
    for key in part.keys() - {"type", name}:
        if key in WEIGHTS and part[key] is not None:
            _check_whole(part[key], key, f"{field}.{key}")
        ignored[f"messages[].content[].{key}"] += part[key] is not None and key not in WEIGHTS
    return text(part, name, f"{field}.{name}")


def _check_whole(value, name: str, field: str) -> None:
    """Raises Misfit for a part that would be learned otherwise than the rest of its message."""
    if (number(value, field) if name in NUMBERS else truth(value, field)) != 1:
        raise Misfit(field, tr("a message is learned as a whole", "消息只能整条训练"))
