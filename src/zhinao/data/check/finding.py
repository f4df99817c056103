"""What `zhinao data check` can find: the kinds of findings, how bad each is, and one finding. Finds nothing itself."""

from dataclasses import dataclass
from typing import Literal

from zhinao.lang import tr

Level = Literal["error", "warning", "note"]

# code -> level, English, Chinese. An error: training on it teaches something wrong, or stops the run. A warning: mostly a
# mistake, sometimes meant. A note is only told.
KINDS: dict[str, tuple[Level, str, str]] = {
    "unreadable": ("error", "cannot be read", "无法读取"),
    "unusable": ("error", "cannot be trained on", "无法用于训练"),
    "nothing-learned": ("error", "no token is trained", "没有可训练的 token"),
    "bad-answer": ("error", "marked as a bad answer (label: false)", "标为不好的回答（label: false）"),
    "empty-answer": ("error", "empty answer", "回答为空"),
    "think-unbalanced": ("error", "a thought that never ends, or begins twice", "思考未结束，或重复开始"),
    "marker-learned": ("error", "control marker in an answer", "回答中含控制标记"),
    "messages-as-text-learned": ("error", "an answer that is a list of messages as text", "回答是写成文本的消息列表"),
    "placeholder-learned": ("error", "unreplaced {{name}} in an answer", "回答中有未替换的 {{name}}"),
    "tool-without-call": ("error", "tool response without a call", "没有调用却有工具返回"),
    "same-pair": ("error", "chosen and rejected are the same", "chosen 与 rejected 相同"),
    "too-many-overlong": ("error", "more is over the limit than allowed", "超长比例过高"),
    "overlong": ("warning", "longer than the limit", "超过长度上限"),
    "empty-turn": ("warning", "empty turn", "空轮次"),
    "think-unopened": ("warning", "</think> without <think>", "有 </think> 而无 <think>"),
    "system-not-first": ("warning", "system message not at the beginning", "system 消息不在开头"),
    "same-role": ("warning", "two turns of the same role in a row", "同一角色连续两轮"),
    "starts-with-assistant": ("warning", "begins with the assistant", "以 assistant 开头"),
    "ends-without-assistant": ("warning", "does not end with the assistant", "不以 assistant 结尾"),
    "call-without-response": ("warning", "tool call without a response", "工具调用没有返回"),
    "marker": ("warning", "control marker in a text that is only read", "输入文本中含控制标记"),
    "placeholder": ("warning", "unreplaced {{name}} in a text that is only read", "输入文本中有未替换的 {{name}}"),
    "messages-as-text": ("warning", "a text that is a list of messages", "文本是写成文本的消息列表"),
    "broken-characters": ("warning", "broken or control characters", "乱码或控制字符"),
    "duplicate": ("warning", "the same as an earlier one", "与前面完全重复"),
    "near-duplicate": ("warning", "the same but for case, spaces, punctuation", "仅大小写、空格、标点不同"),
    "other-language": ("warning", "answered in another language", "回答语言与提问不同"),
    "left-out": ("note", "marked as a bad answer and left out", "标为不好的回答，已略过"),
    "same-prompt": ("note", "an earlier prompt with another answer", "与前面提问相同、回答不同"),
}
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in one sample. `field` says where in it (`messages[2].content`; may be empty), `detail` what was seen."""

    code: str
    field: str = ""
    detail: str = ""

    @property
    def level(self) -> Level:
        return KINDS[self.code][0]

    def __str__(self) -> str:
        parts = [f"{self.field}: " if self.field else "", title(self.code), f" ({self.detail})" if self.detail else ""]
        return "".join(parts)


def title(code: str) -> str:
    """The kind of a finding in the reader's language."""
    return tr(*KINDS[code][1:])


def level_name(level: Level) -> str:
    return {"error": tr("error", "错误"), "warning": tr("warning", "警告"), "note": tr("note", "提示")}[level]
