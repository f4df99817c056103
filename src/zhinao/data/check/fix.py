"""What of a sample can be repaired without guessing, and the copy and diff that come of it.

Repaired is only what changes nothing that would be trained otherwise: what the template adds again, what nobody answers,
what is there twice. What stays wrong is left out of the copy, and the diff says why. Finds nothing itself.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from zhinao.data.check import text as check_text
from zhinao.data.check.finding import Finding
from zhinao.data.check.inspection import exact_hash
from zhinao.data.check.rules import text_of
from zhinao.data.commands.output import Write
from zhinao.data.encode.substitute import substitute
from zhinao.data.read import formats
from zhinao.data.sample import Fault, Sample
from zhinao.family import THINK_OPEN
from zhinao.lang import tr

_ENDS = re.compile(r"\s*(?:<\|im_end\|>|<eod>|<\|endoftext\|>|<\|eot_id\|>|</s>)\s*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def titles() -> dict[str, str]:
    """What each repair is called."""
    return {
        "filled": tr("placeholders filled in", "填入占位符"),
        "end-marker": tr(
            "end markers behind a text taken off (the template adds its own)",
            "去掉文本末尾的结束标记（模板会自行添加）",
        ),
        "control-characters": tr("control characters removed", "删除控制字符"),
        "thought-opened": tr("<think> put before a thought that had only its end", "为只有结尾的思考补上 <think>"),
        "unanswered-end": tr("messages after the last answer removed", "删除最后一个回答之后的消息"),
        "duplicate": tr("exact duplicates left out", "去掉完全重复的样本"),
        "left-out": tr("samples that stay wrong left out", "去掉无法修复的样本"),
    }


@dataclass
class Repairs:
    """How many samples each repair concerned, and how many were written."""

    output: Path
    counts: Counter = field(default_factory=Counter)
    num_written: int = 0

    @property
    def diff(self) -> Path:
        folder = self.output.parent if self.output.is_file() or not self.output.exists() else Path()  # no file in /dev
        return folder / f"{self.output.name}.diff"


class Fixer:
    """Takes items in order: `write(record)` gets the repaired ones, the text file `diff` what has changed.

    `remaining(sample)` gives the errors that a sample still has. `values`: what `{{name}}` becomes, by name.
    """

    def __init__(
        self, repairs: Repairs, write: Write, diff, remaining: Callable[[Sample], list[Finding]], values: dict[str, str]
    ):
        self._repairs, self._write, self._diff = repairs, write, diff
        self._remaining, self._values = remaining, values
        self._seen: set[int] = set()

    def take(self, item: Sample | Fault) -> None:
        if isinstance(item, Fault):
            self._leave_out(item, [], str(item))
            return
        before = _lines(item)
        fixed, done = repaired(item, self._values)
        if errors := self._remaining(fixed):
            self._leave_out(item, before, "; ".join(map(str, errors)))
            return
        key = exact_hash(fixed)
        if key in self._seen:
            self._repairs.counts["duplicate"] += 1
            self._tell(item, before, [], tr("a duplicate", "重复"))
            return
        self._seen.add(key)
        self._repairs.counts.update(done)
        self._repairs.num_written += 1
        self._write(_record(fixed))
        if done:
            self._tell(item, before, _lines(fixed), ", ".join(done))

    def _leave_out(self, item, before: list[str], why: str) -> None:
        self._repairs.counts["left-out"] += 1
        self._tell(item, before or [f"({why})"], [], why)

    def _tell(self, item, before: list[str], after: list[str], why: str) -> None:
        name = f"{self._repairs.output}, {self._repairs.num_written}" if after else "/dev/null"
        diff = difflib.unified_diff(
            before, after, str(item.place), f"{name}\t{' '.join(why.split())}", lineterm="", n=1
        )
        self._diff.writelines(f"{line}\n" for line in diff)


def repaired(sample: Sample, values: dict[str, str]) -> tuple[Sample, list[str]]:
    """A copy with every safe repair made, and which ones were made. The sample itself is not changed."""
    done: dict[str, None] = {}
    filled = substitute(sample, values)
    if filled is not sample:
        done["filled"] = None

    def text(value: str) -> str:
        for name, repair in (("end-marker", _without_end), ("control-characters", _clean)):
            changed = repair(value)
            if changed != value:
                done[name] = None
            value = changed
        return value

    def message(value: dict) -> dict:
        value = {**value, "content": text(text_of(value))}
        if value["role"] == "assistant" and check_text.thought_fault(value["content"]) == "unopened":
            done["thought-opened"] = None
            value["content"] = THINK_OPEN + value["content"]
        return value

    fixed = replace(
        filled,
        messages=[message(m) for m in filled.messages],
        chosen=[message(m) for m in filled.chosen],
        rejected=[message(m) for m in filled.rejected],
        text=text(filled.text),
        completion=text(filled.completion),
    )
    if sample.kind == "chat" and (kept := _answered(fixed.messages)) != fixed.messages:
        done["unanswered-end"] = None
        fixed = replace(fixed, messages=kept)
    return fixed, list(done)


def _answered(messages: list[dict]) -> list[dict]:
    """Without what nobody answers at the end, and without empty answers there; all of them where no answer is left."""
    kept = list(messages)
    while kept and (kept[-1]["role"] != "assistant" or _is_empty(kept[-1])):
        kept.pop()
    return kept or messages


def _is_empty(message: dict) -> bool:
    return not (message["content"].strip() or message.get("tool_calls") or message.get("reasoning_content"))


def _without_end(text: str) -> str:
    while (shorter := _ENDS.sub("", text)) != text:
        text = shorter
    return text


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)


def _record(sample: Sample) -> dict:
    return formats.write(sample, formats.NATIVE[sample.kind])


def _lines(sample: Sample) -> list[str]:
    return json.dumps(_record(sample), ensure_ascii=False, indent=1).split("\n")
