"""The rules of `zhinao data check` that need no tokenizer: roles, order, empty turns, what stands in the texts.

Pure functions of one sample. What needs other samples is in `report.py`, what needs tokens in `inspection.py`.
"""

import re
from collections.abc import Iterator

from zhinao.data.check import text as check_text
from zhinao.data.check.finding import Finding
from zhinao.data.read.formats import cells
from zhinao.data.sample import Sample
from zhinao.family import THINK_CLOSE
from zhinao.lang import tr

# A question that names a language or asks for a translation may well be answered in another one.
_NAMES_A_LANGUAGE = re.compile(
    r"translat|english|chinese|mandarin|翻译|譯|译成|译为|英文|英语|中文|汉语|单词|词汇|日语|法语|德语|西班牙语|spanish|french",
    re.IGNORECASE,
)
_NUM_WORDS = 4  # fewer do not tell a language: names, formulas, a single yes


def inspect(sample: Sample, control: tuple[str, ...] = ()) -> list[Finding]:
    """All findings in one sample. `control`: the control tokens of the model that it is for."""
    if sample.kind == "chat":
        found = [*_order(sample.messages), *_ending(sample.messages), *_turns("messages", sample.messages, control)]
        return [*found, *_language(sample.messages)]
    if sample.kind == "preference":
        return list(_preference(sample, control))
    read, learned = ("", sample.text) if sample.kind == "text" else (sample.prompt, sample.completion)
    field = "text" if sample.kind == "text" else "completion"
    found = [*_in_text("prompt", read, control, False), *_in_text(field, learned, control, True)]
    return [Finding("empty-answer", field), *found] if not learned.strip() else found


def is_learned(message: dict) -> bool:
    """Whether the words of a message are trained: an assistant's, unless its weight says otherwise."""
    return message.get("role") == "assistant" and message.get("weight", 1) != 0


def text_of(message: dict) -> str:
    """The words of a message, the parts of its content joined."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in content)
    return content or ""


def _preference(sample: Sample, control: tuple[str, ...]) -> Iterator[Finding]:
    yield from _order(sample.messages)
    for name, messages in (("messages", sample.messages), ("chosen", sample.chosen), ("rejected", sample.rejected)):
        yield from _turns(name, messages, control)
    if sample.chosen == sample.rejected:
        yield Finding("same-pair")
    yield from _language([*sample.messages, *sample.chosen])


def _order(messages: list[dict]) -> Iterator[Finding]:
    """Roles one after the other, as they should come."""
    roles = ["system" if m.get("role") == "developer" else m.get("role") for m in messages]
    if next((role for role in roles if role != "system"), None) == "assistant":
        yield Finding("starts-with-assistant", f"messages[{roles.index('assistant')}].role")
    for n, role in enumerate(roles):
        before = roles[n - 1] if n else None
        if role == "system" and n:
            yield Finding("system-not-first", f"messages[{n}].role")
        elif role == before and role != "tool":
            yield Finding("same-role", f"messages[{n}].role", role)
        elif role == "tool" and not _is_called(messages[:n]):
            yield Finding("tool-without-call", f"messages[{n}].role")
        if before == "assistant" and messages[n - 1].get("tool_calls") and role != "tool":
            yield Finding("call-without-response", f"messages[{n - 1}].tool_calls")


def _is_called(before: list[dict]) -> bool:
    """Whether a tool may respond after these messages: the last one that is no response holds a call."""
    caller = next((m for m in reversed(before) if m.get("role") != "tool"), {})
    text = text_of(caller) if caller.get("role") == "assistant" else ""
    return bool(caller.get("tool_calls")) or "<tool_call>" in text


def _ending(messages: list[dict]) -> Iterator[Finding]:
    if messages and messages[-1].get("role") != "assistant":
        yield Finding("ends-without-assistant", f"messages[{len(messages) - 1}].role", messages[-1].get("role") or "")


def _turns(name: str, messages: list[dict], control: tuple[str, ...]) -> Iterator[Finding]:
    """What stands in each message."""
    for n, message in enumerate(messages):
        place, text, learned = f"{name}[{n}]", text_of(message), is_learned(message)
        if not message.get("tool_calls"):
            yield from _emptiness(f"{place}.content", message, text, learned)
        for key in ("content", "reasoning_content", "reasoning"):
            yield from _in_text(
                f"{place}.{key}", text if key == "content" else message.get(key) or "", control, learned
            )
        if message.get("role") == "assistant" and (fault := check_text.thought_fault(text)):
            yield Finding(f"think-{fault}", f"{place}.content")


def _emptiness(field: str, message: dict, text: str, learned: bool) -> Iterator[Finding]:
    if text.strip() and (message.get("role") != "assistant" or text.rpartition(THINK_CLOSE)[2].strip()):
        return
    has_thought = bool(text.strip() or message.get("reasoning_content") or message.get("reasoning"))
    yield Finding(
        "empty-answer" if learned else "empty-turn", field, tr("only a thought", "只有思考") if has_thought else ""
    )


def _in_text(field: str, text: str, control: tuple[str, ...], learned: bool) -> Iterator[Finding]:
    suffix = "-learned" if learned else ""
    if found := check_text.markers(text, control):
        yield Finding(f"marker{suffix}", field, " ".join(found[:3]))
    if found := check_text.placeholders(text):
        yield Finding(f"placeholder{suffix}", field, " ".join(found[:3]))
    if cells.holds_messages(text):
        yield Finding(f"messages-as-text{suffix}", field)
    if found := check_text.broken_characters(text):
        yield Finding("broken-characters", field, " ".join(found[:3]))


def _language(messages: list[dict]) -> Iterator[Finding]:
    """Answers in another language than the words before them, where nothing there asks for it."""
    asked = ""
    for n, message in enumerate(messages):
        if message.get("role") in ("system", "user", "developer"):
            asked = text_of(message) if message["role"] == "user" else asked
            if _NAMES_A_LANGUAGE.search(text_of(message)):
                return
        elif is_learned(message):
            question, answer = (check_text.language(text, _NUM_WORDS) for text in (asked, text_of(message)))
            if "none" not in (question, answer) and question != answer:
                yield Finding("other-language", f"messages[{n}].content", f"{question} → {answer}")
