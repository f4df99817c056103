"""Conversations as clients send them back, in the form that `messages.py` demands. For requests; training data is not mended.

An answer's fields come back as they were received: `content` and `refusal` null, `tool_calls` empty, parts under the names of
other APIs, calls in the older form. Whatever else is wrong stays as it is, and is refused later with its place.
"""

from collections.abc import Mapping, Sequence

_TEXTS = ("text", "input_text", "output_text", "refusal")
_THOUGHTS = {"thinking": "thinking", "reasoning": "text", "reasoning_text": "text"}


def mended(messages):
    """A copy of a list of messages. An assistant's turn may have no words, a tool may answer nothing; the others may not."""
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence):
        return messages
    return [_message(message) if isinstance(message, Mapping) else message for message in messages]


def _message(message: Mapping) -> dict:
    role, result = message.get("role"), dict(message)
    if role == "function":
        role = result["role"] = "tool"
    if role == "assistant":
        _calls(result)
        _thoughts(result)
        content = result.get("content")
        result["content"] = result.get("refusal") or "" if content is None else content
    elif role == "tool":
        result["content"] = "" if result.get("content") is None else result["content"]
        if not result.get("tool_call_id"):
            result.pop("tool_call_id", None)
    if isinstance(result.get("content"), list):
        result["content"] = [_part(part) for part in result["content"]]
    return result


def _calls(message: dict) -> None:
    """`function_call` is OpenAI's older form of a call; an empty list of calls is none."""
    called = message.pop("function_call", None)
    if not message.get("tool_calls"):
        message.pop("tool_calls", None)
        if called is not None:
            message["tool_calls"] = [{"type": "function", "function": called}]
    elif isinstance(message["tool_calls"], list):
        message["tool_calls"] = [_without_null(call) for call in message["tool_calls"]]


def _without_null(call):
    if not isinstance(call, Mapping):
        return call
    return {name: value for name, value in call.items() if value is not None or name not in ("id", "type")}


def _thoughts(message: dict) -> None:
    """Parts that hold a thought go where thoughts belong."""
    content = message.get("content")
    if not isinstance(content, list):
        return
    is_thought = [isinstance(part, Mapping) and part.get("type") in _THOUGHTS for part in content]
    if not any(is_thought):
        return
    texts = [part.get(_THOUGHTS[part["type"]]) for part, is_one in zip(content, is_thought, strict=True) if is_one]
    message["content"] = [part for part, is_one in zip(content, is_thought, strict=True) if not is_one]
    if not message.get("reasoning_content") and not message.get("reasoning"):
        message["reasoning_content"] = "".join(text for text in texts if isinstance(text, str))


def _part(part):
    """Text under the names of other APIs as a text part."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(kind, str) or kind not in _TEXTS:
        return part
    return {"type": "text", "text": part.get("refusal" if kind == "refusal" else "text")}
