"""`conversations` with `from` and `value`: ShareGPT's names (human, gpt, function_call, observation), and the publisher's
(user, assistant, system) of the README. A function_call behind a gpt is the same turn (`calls.py`)."""

import json
from collections import Counter

from zhinao.data.read.formats import calls
from zhinao.data.read.formats.fields import WEIGHTS, Misfit, called, check_plain, items, kind_of, text, with_system
from zhinao.data.read.formats.message_list import add_weight, check_followed, is_message
from zhinao.data.read.formats.tools import TOOLS, tools
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr
from zhinao.prompt.messages import normalized

NAME, KINDS = "sharegpt", ("chat",)
FIELDS = {"conversations", "system", *TOOLS}
TURN_FIELDS = {"from", "value", *WEIGHTS}
ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    **dict.fromkeys(sorted(calls.CALLERS), "call"),
    **dict.fromkeys(sorted(calls.RESPONDERS), "tool"),
}
NAMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def claims(record: dict) -> bool:
    turns = record.get("conversations")
    return turns is not None and not (isinstance(turns, list) and turns and is_message(turns[0]))


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    messages = read_turns(record.get("conversations"), "conversations", ignored)
    return Sample("chat", place, with_system(record, messages), tools(record, ignored))


def read_turns(value, field: str, ignored: Counter) -> list[dict]:
    """The turns as messages in OpenAI's form. Raises Misfit."""
    messages = [read_turn(turn, f"{field}[{n}]", ignored) for n, turn in enumerate(items(value, field))]
    if any("tool_calls" in message for message in messages):
        called(normalized, messages, field)
    return calls.joined(messages, field)


def read_turn(turn, field: str, ignored: Counter) -> dict:
    if not isinstance(turn, dict):
        raise Misfit(field, tr(f"must be an object, not {kind_of(turn)}", f"必须是对象，而不是{kind_of(turn)}"))
    if "role" in turn and "from" not in turn:
        raise Misfit(field, tr("has role where the turns before have from", "此处用 role，而前面的轮次用 from"))
    name = text(turn, "from", f"{field}.from")
    if name not in ROLES:
        known = ", ".join(ROLES)
        raise Misfit(f"{field}.from", tr(f"{name!r} is unknown; known: {known}", f"未知的 {name!r}，可用：{known}"))
    if ROLES[name] == "call":
        message = calls.turn(turn.get("value"), f"{field}.value")
    else:
        message = {"role": ROLES[name], "content": text(turn, "value", f"{field}.value")}
    add_weight(message, turn, field)
    check_followed(turn, field)
    for key in turn.keys() - TURN_FIELDS:
        ignored[f"conversations[].{key}"] += turn[key] is not None
    return message


def write(sample: Sample) -> dict:
    check_plain(sample, NAME, {"tool_calls", "tools"})
    turns = [turn for n, message in enumerate(sample.messages) for turn in _turns(message, f"messages[{n}]")]
    if not sample.tools:
        return {"conversations": turns}
    return {"conversations": turns, "tools": json.dumps(sample.tools, ensure_ascii=False)}


def _turns(message: dict, field: str) -> list[dict]:
    """The text and the calls of a message; reading joins them again."""
    if message["role"] == "developer":
        raise Misfit(f"{field}.role", tr("sharegpt has no developer", "sharegpt 格式没有 developer"))
    said = {"from": NAMES[message["role"]], "value": message["content"]}
    if "tool_calls" not in message:
        return [said]
    bare = [_bare(call, f"{field}.tool_calls[{n}]") for n, call in enumerate(message["tool_calls"])]
    value = json.dumps(bare[0] if len(bare) == 1 else bare, ensure_ascii=False)
    return [*([said] if message["content"] else []), {"from": "function_call", "value": value}]


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
