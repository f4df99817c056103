"""`belle`: BELLE's multi-turn files, where `instruction` holds the whole conversation as `Human:…Assistant:…` text."""

import re
from collections import Counter

from zhinao.data.read.formats.fields import Misfit, optional_text, plain_turns, text
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr

NAME, KINDS = "belle", ("chat",)
FIELDS = {"instruction", "input", "output"}
_MARK = re.compile(r"(?:\A|\n)\s*(Human|Assistant)\s*[:：]")
_BEGIN = re.compile(r"\s*Human\s*[:：]")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def claims(record: dict) -> bool:
    instruction = record.get("instruction")
    return isinstance(instruction, str) and bool(_BEGIN.match(instruction))


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    if optional_text(record, "input"):
        raise Misfit("input", tr("must be empty beside a conversation", "instruction 为对话时，input 必须为空"))
    messages = _turns(text(record, "instruction"))
    return Sample("chat", place, [*messages, {"role": "assistant", "content": text(record, "output").strip()}])


def _turns(instruction: str) -> list[dict]:
    """The turns before the answer; the empty `Assistant:` at their end is what `output` answers."""
    _, *parts = _MARK.split(instruction)
    if not _BEGIN.match(instruction):
        raise Misfit("instruction", tr("does not begin with Human:", "不以 Human: 开头"))
    turns = [(parts[n], parts[n + 1].strip()) for n in range(0, len(parts), 2)]
    for n, (name, _) in enumerate(turns):
        if name != ("Human", "Assistant")[n % 2]:
            what = tr(f"turn {n + 1}: {name} speaks twice in a row", f"第 {n + 1} 轮：{name} 连续出现两次")
            raise Misfit("instruction", what)
    if turns[-1][0] == "Assistant":
        if turns[-1][1]:
            what = tr("ends with an answer; output should be that", "末尾已有回答，回答应在 output 中")
            raise Misfit("instruction", what)
        turns = turns[:-1]
    return [{"role": _ROLES[name], "content": said} for name, said in turns]


def write(sample: Sample) -> dict:
    system, turns = plain_turns(sample, NAME)
    if system:
        raise Misfit("messages[0]", tr("belle has no place for a system prompt", "belle 格式无法保存 system"))
    for n, message in enumerate(sample.messages):
        content = message["content"]
        if content != content.strip() or _MARK.search("\n" + content):
            what = tr(
                "belle cannot hold spaces at the ends, nor lines that begin with Human: or Assistant:",
                "belle 无法保存首尾空白，也无法保存以 Human: 或 Assistant: 开头的行",
            )
            raise Misfit(f"messages[{n}].content", what)
    lines = [f"Human:{question}\nAssistant:{answer}\n" for question, answer in turns[:-1]]
    return {"instruction": f"{''.join(lines)}Human:{turns[-1][0]}\nAssistant:", "input": "", "output": turns[-1][1]}
