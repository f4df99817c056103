"""Fields of a record, taken out one by one; what does not fit is a Misfit that names the field. Knows no format.

Also the field `system` beside a conversation, and what plain formats can say of a conversation.
"""

import json
import math
import re
from collections.abc import Callable

from zhinao.data.sample import Sample
from zhinao.errors import UsageError
from zhinao.lang import tr

# Where a message may say how much it is trained (OpenAI, LLaMA-Factory, ms-swift), and where whether it is at all (ms-swift
# and xtuner, Axolotl, masks of other trainers).
NUMBERS, TRUTHS = ("weight", "loss_weight", "loss_scale"), ("loss", "train", "training", "trainable", "loss_mask")
WEIGHTS = (*NUMBERS, *TRUTHS)
# Whether an answer is a good one: TRL's and ms-swift's name, LLaMA-Factory's, and those of public sets. The value of a good one.
LABELS = {
    "label": True,
    "kto_tag": True,
    "desirable": True,
    "is_desirable": True,
    "is_rejected": False,
    "undesirable": False,
}
_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_PYTHON = re.compile(r"\s*\[?\s*\{\s*'")


class Misfit(Exception):
    """A record that does not fit its format, or a sample that its target cannot hold: which field, and why."""

    def __init__(self, field: str, message: str):
        super().__init__(field, message)
        self.field, self.message = field, message


def kind_of(value) -> str:
    """What a JSON value is, for people."""
    if isinstance(value, float) and math.isnan(value):
        return tr("NaN, which JSON does not have", "NaN（JSON 中没有）")
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
    """What the message's loss counts, where it says so. Raises Misfit for no number from 0, and for two that contradict."""
    found = None
    for name in WEIGHTS:
        if message.get(name) is None:
            continue
        value = (number if name in NUMBERS else truth)(message[name], f"{field}.{name}")
        is_same = bool(value) == bool(found) if name in TRUTHS else value == found
        if found is not None and not is_same:
            raise Misfit(f"{field}.{name}", tr("contradicts the weight beside it", "与旁边的权重矛盾"))
        found = float(value) if found is None else found
    return found


def number(value, field: str) -> float:
    """A number from 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(field, tr(f"must be a number, not {kind_of(value)}", f"必须是数字，而不是{kind_of(value)}"))
    if not math.isfinite(value) or value < 0:
        raise Misfit(field, tr(f"is {value}; it must be 0 or more", f"为 {value}，必须不小于 0"))
    return float(value)


def truth(value, field: str) -> bool:
    """True or false, or 1 or 0 for them."""
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    raise Misfit(field, tr("must be true or false", "必须是 true 或 false"))


def label(record: dict) -> bool | None:
    """Whether the record's answer is marked as a good one; None where it is not marked. A `label` that is neither true nor false
    (a class, a name) is no mark. Tables have no other than text: `False` and `0` there are false."""
    found, first = None, ""
    for name, good in LABELS.items():
        value = record.get(name)
        marked = _TRUTHS.get(str(value).strip().lower()) if isinstance(value, (bool, int, float, str)) else None
        if marked is None and name == "kto_tag" and value not in (None, ""):
            raise Misfit(name, tr("must be true or false", "必须是 true 或 false"))
        if marked is None:
            continue
        if found not in (None, marked == good):
            raise Misfit(name, tr(f"contradicts {first}", f"与 {first} 矛盾"))
        found, first = marked == good, first or name
    return found


def from_json(value: str, field: str):
    """What the JSON text in a field means."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        if _PYTHON.match(value):
            what = tr(
                "is a list as Python writes it (single quotes), not JSON; write it with json.dumps",
                "是 Python 写法的列表（单引号），不是 JSON；请用 json.dumps 写出",
            )
            raise Misfit(field, what) from None
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


def with_system(record: dict, messages: list[dict]) -> list[dict]:
    """`messages` behind the record's system prompt, where it has one. Raises Misfit where there are two."""
    system = optional_text(record, "system")
    if not system:
        return messages
    if messages and messages[0]["role"] == "system":
        if messages[0]["content"] == system:
            return messages
        raise Misfit(
            "system", tr("differs from the system message in the conversation", "与对话中的 system 消息不一致")
        )
    return [{"role": "system", "content": system}, *messages]


def check_plain(sample: Sample, name: str, allowed: set[str] = frozenset()) -> None:
    """Raises Misfit for tools, and for fields of messages beyond role, content and those `allowed`: `name` cannot hold them."""
    if sample.tools and "tools" not in allowed:
        raise Misfit("tools", _no_place("tools", name))
    for n, message in enumerate(sample.messages):
        for field in message.keys() - {"role", "content"} - allowed:
            raise Misfit(f"messages[{n}].{field}", _no_place(field, name))


def _no_place(field: str, name: str) -> str:
    return tr(f"{name} has no place for {field}", f"{name} 格式无法保存 {field}")


def plain_turns(sample: Sample, name: str) -> tuple[str, list[tuple[str, str]]]:
    """`(system, [(user, assistant), …])` of a conversation that is no more than that. Raises Misfit for any other."""
    check_plain(sample, name)
    messages, first = sample.messages, 0
    system = ""
    if messages and messages[0]["role"] == "system" and messages[0]["content"]:
        system, first = messages[0]["content"], 1
    for n, message in enumerate(messages[first:]):
        role = ("user", "assistant")[n % 2]
        if message["role"] != role:
            what = tr(
                f"{name} holds user and assistant in turn; this is {message['role']}",
                f"{name} 只能保存 user 与 assistant 交替的对话，这里是 {message['role']}",
            )
            raise Misfit(f"messages[{first + n}].role", what)
    if len(messages) == first or (len(messages) - first) % 2:
        raise Misfit("messages", tr(f"{name} needs an answer at the end", f"{name} 格式要求以回答结尾"))
    texts = [message["content"] for message in messages[first:]]
    return system, list(zip(texts[::2], texts[1::2], strict=True))
