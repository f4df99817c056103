"""Tools told in words, the Hermes way: descriptions in the system message, calls as JSON between `<tool_call>` tags.

For checkpoints whose own template knows no tools. Works on guarded text (see `guard.py`), so that its tags are part of the
frame and never come from a message. `family.CHAT_TEMPLATE` says the same in Jinja. It checks nothing and parses no answers.
"""

import json

from zhinao.family import DEFAULT_SYSTEM, TOOL_CLOSE, TOOL_OPEN

# Word for word what Qwen2.5 was trained with: other words would be understood less well.
_BEFORE = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    f"{TOOL_OPEN}{TOOL_CLOSE} XML tags:\n"
    f'{TOOL_OPEN}\n{{"name": <function-name>, "arguments": <args-json-object>}}\n{TOOL_CLOSE}'
)


def in_messages(messages: list[dict], tools: list[dict] | None) -> list[dict]:
    """Messages that any chat template can show: no tools beside them, no `tool_calls`, no `tool` role.

    Responses that follow one another share a user's message.
    """
    if tools and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    result: list[dict] = []
    for n, message in enumerate(messages):
        content = message["content"]
        if message["role"] == "tool":
            frame = f"<tool_response>\n{content}\n</tool_response>"
            if n and messages[n - 1]["role"] == "tool":
                result[-1]["content"] += f"\n{frame}"
            else:
                result.append({"role": "user", "content": frame})
            continue
        if n == 0 and tools:
            content += _BEFORE + "".join(f"\n{_json(tool)}" for tool in tools) + _AFTER
        result.append({**message, "content": content + _calls(content, message.get("tool_calls") or [])})
        result[-1].pop("tool_calls", None)
    return result


def _calls(content: str, calls: list[dict]) -> str:
    text = "".join(f"\n{TOOL_OPEN}\n{_call(call['function'])}\n{TOOL_CLOSE}" for call in calls)
    return text if content and not content.endswith("\n") else text.removeprefix("\n")


def _call(function: dict) -> str:
    """Arguments that came as text stay as they were written, so that the cached prefix of the conversation still fits."""
    arguments = function["arguments"]
    written = arguments if isinstance(arguments, str) else _json(arguments)
    return f'{{"name": {_json(function["name"])}, "arguments": {written}}}'


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False)
