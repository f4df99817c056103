"""Fields of a record, taken out one by one; what does not fit is a Misfit that names the field. Knows no format."""

import json
import math
import re
from collections.abc import Callable

from zhinao.errors import UsageError
from zhinao.lang import tr

# Where a message may say whether it is trained: OpenAI's name, LLaMA-Factory's, and the plain yes or no.
WEIGHTS = ("weight", "loss_weight", "loss")


class Misfit(Exception):
    """A record that does not fit its format, or a sample that its target cannot hold: which field, and why."""

    def __init__(self, field: str, message: str):
        super().__init__(field, message)
        self.field, self.message = field, message


def kind_of(value) -> str:
    """What a JSON value is, for people."""
    words = {
        dict: tr("an object", "对象"),
        list: tr("a list", "列表"),
        str: tr("text", "文本"),
        bool: tr("true or false", "布尔值"),
        int: tr("a number", "数字"),
        float: tr("a number", "数字"),
        type(None): "null",
    }
    return words.get(type(value), type(value).__name__)


def text(record: dict, name: str, field: str = "") -> str:
    """The text under `name`, which must be there. `field` is what the place is called where that differs."""
    value = record.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        raise Misfit(field or name, tr("is missing", "缺失"))
    raise Misfit(field or name, tr(f"must be text, not {kind_of(value)}", f"必须是文本，而不是{kind_of(value)}"))


def optional_text(record: dict, name: str, field: str = "") -> str:
    return "" if record.get(name) is None else text(record, name, field)


def items(value, field: str) -> list:
    """`value` as a list that is not empty."""
    if not isinstance(value, list):
        raise Misfit(field, tr(f"must be a list, not {kind_of(value)}", f"必须是列表，而不是{kind_of(value)}"))
    if not value:
        raise Misfit(field, tr("is empty", "是空的"))
    return value


def weight(message: dict, field: str) -> float | None:
    """What the message's loss counts, where it says so. Raises Misfit for no number from 0, and for two that differ."""
    found = None
    for name in WEIGHTS:
        value = message.get(name)
        if value is None:
            continue
        if name == "loss" and not isinstance(value, bool):
            raise Misfit(f"{field}.loss", tr("must be true or false", "必须是 true 或 false"))
        if name != "loss" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise Misfit(
                f"{field}.{name}", tr(f"must be a number, not {kind_of(value)}", f"必须是数字，而不是{kind_of(value)}")
            )
        if not math.isfinite(value) or value < 0:
            raise Misfit(f"{field}.{name}", tr(f"is {value}; it must be 0 or more", f"为 {value}，必须不小于 0"))
        if found is not None and found != value:
            raise Misfit(f"{field}.{name}", tr("contradicts the weight beside it", "与旁边的权重矛盾"))
        found = float(value)
    return found


def tools(record: dict) -> list[dict] | None:
    """The tools of a record: a list, or JSON text of one; the bare functions of ShareGPT get OpenAI's wrapping."""
    from zhinao.prompt.tools import checked_tools

    value = record.get("tools")
    if isinstance(value, str) and value.strip():
        value = from_json(value, "tools")
    if not value:
        return None
    if isinstance(value, list):
        value = [_wrapped(tool) for tool in value]
    return called(checked_tools, value, "tools") or None


def _wrapped(tool):
    if isinstance(tool, dict) and "function" not in tool and "name" in tool:
        return {"type": "function", "function": tool}
    return tool


def from_json(value: str, field: str):
    """What the JSON text in a field means."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Misfit(field, tr(f"is no JSON: {error}", f"不是有效的 JSON：{error}")) from None


def called(check: Callable, value, field: str):
    """`check(value)`, a check of the prompt room; its UsageError becomes a Misfit of the same field."""
    try:
        return check(value)
    except UsageError as error:
        place, message = _place(error.message, field)
        raise Misfit(place, message) from None


def _place(sentence: str, field: str) -> tuple[str, str]:
    """`Message 2.content: is missing.` -> `messages[1].content`, `is missing`; `tools[0].type: …` keeps its place."""
    sentence = sentence.rstrip(".。")
    if match := re.match(r"(?:Message |第 )(\d+)(?: 条消息)?((?:\.[\w.\[\]]+)?)[:：]\s*(.*)", sentence, re.S):
        return f"{field}[{int(match[1]) - 1}]{match[2]}", match[3]
    if match := re.match(rf"({field}[\w.\[\]]*)[:：]\s*(.*)", sentence, re.S):
        return match[1], match[2]
    return field, sentence
