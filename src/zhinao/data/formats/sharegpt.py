"""`conversations` with `from` and `value`: ShareGPT's names (human, gpt, function_call, observation), and the publisher's
(user, assistant, system) of the README."""

import json
from collections import Counter

from zhinao.data.formats.fields import WEIGHTS, Misfit, called, from_json, items, kind_of, text, tools
from zhinao.data.formats.message_list import add_weight, is_message
from zhinao.data.formats.system import check_plain, with_system
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr
from zhinao.prompt.messages import normalized

NAME, KINDS = "sharegpt", ("chat",)
FIELDS = {"conversations", "system", "tools"}
TURN_FIELDS = {"from", "value", *WEIGHTS}
ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "call",
    "observation": "tool",
    "tool": "tool",
}
NAMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def claims(record: dict) -> bool:
    turns = record.get("conversations")
    return turns is not None and not (isinstance(turns, list) and turns and is_message(turns[0]))


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    messages = read_turns(record.get("conversations"), "conversations", ignored)
    return Sample("chat", place, with_system(record, messages), tools(record))


def read_turns(value, field: str, ignored: Counter) -> list[dict]:
    """The turns as messages in OpenAI's form. Raises Misfit."""
    messages = [read_turn(turn, f"{field}[{n}]", ignored) for n, turn in enumerate(items(value, field))]
    if any("tool_calls" in message for message in messages):
        called(normalized, messages, field)
    return messages


def read_turn(turn, field: str, ignored: Counter) -> dict:
    if not isinstance(turn, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(turn)}", f"必须是对象，而不是{kind_of(turn)}"))
    if "role" in turn and "from" not in turn:
        raise Misfit(field, tr("has role where the turns before have from", "此处用 role，而前面的轮次用 from"))
    name = text(turn, "from", f"{field}.from")
    if name not in ROLES:
        known = ", ".join(ROLES)
        raise Misfit(f"{field}.from", tr(f"{name!r} is unknown; known: {known}", f"未知的 {name!r}，可用：{known}"))
    value = text(turn, "value", f"{field}.value")
    message = {"role": ROLES[name], "content": value}
    if message["role"] == "call":
        message = {"role": "assistant", "content": "", "tool_calls": _calls(value, f"{field}.value")}
    add_weight(message, turn, field)
    for key in turn.keys() - TURN_FIELDS:
        ignored[f"conversations[].{key}"] += turn[key] is not None
    return message


def _calls(value: str, field: str) -> list[dict]:
    """The value of a function_call: JSON text of `{"name": …, "arguments": …}`, or of a list of them."""
    value = from_json(value, field)
    return [_call(call, field) for call in (value if isinstance(value, list) and value else [value])]


def _call(call, field: str) -> dict:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        raise Misfit(field, tr('must be {"name": …, "arguments": …}', '应为 {"name": …, "arguments": …}'))
    arguments = call.get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", "function": {"name": call["name"], "arguments": arguments}}


def write(sample: Sample) -> dict:
    check_plain(sample, NAME, {"tool_calls", "tools"})
    turns = [_turn(message, f"messages[{n}]") for n, message in enumerate(sample.messages)]
    if not sample.tools:
        return {"conversations": turns}
    return {"conversations": turns, "tools": json.dumps(sample.tools, ensure_ascii=False)}


def _turn(message: dict, field: str) -> dict:
    if message["role"] == "developer":
        raise Misfit(f"{field}.role", tr("sharegpt has no developer", "sharegpt 格式没有 developer"))
    if "tool_calls" not in message:
        return {"from": NAMES[message["role"]], "value": message["content"]}
    if message["content"]:
        raise Misfit(
            f"{field}.content", tr("sharegpt holds a text or calls, not both", "sharegpt 不能同时保存文本与调用")
        )
    calls = [_bare(call, f"{field}.tool_calls[{n}]") for n, call in enumerate(message["tool_calls"])]
    return {"from": "function_call", "value": json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)}


def _bare(call: dict, field: str) -> dict:
    """The call as ShareGPT writes it; its arguments as an object where that says the same text again."""
    if call.keys() - {"type", "function"} or call["function"].keys() - {"name", "arguments"}:
        what = tr("sharegpt holds name and arguments only, no id", "sharegpt 只保存 name 与 arguments，没有 id")
        raise Misfit(field, what)
    arguments = call["function"]["arguments"]
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
        is_same = value is arguments or json.dumps(value, ensure_ascii=False) == arguments
    except ValueError:
        is_same = False
    return {"name": call["function"]["name"], "arguments": value if is_same and isinstance(value, dict) else arguments}
