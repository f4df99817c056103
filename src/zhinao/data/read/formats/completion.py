"""`completion`: a prompt and what follows. As text it is trained without any template; as messages it is a conversation of which
only the completion is trained."""

from collections import Counter

from zhinao.data.read.formats.fields import Misfit, kind_of, text
from zhinao.data.read.formats.message_list import read_messages
from zhinao.data.read.formats.tools import TOOLS, tools
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr

NAME, KINDS = "completion", ("completion", "chat")
FIELDS = {"prompt", "completion", *TOOLS}
_OTHERS = ("messages", "conversations", "instruction", "text")


def claims(record: dict) -> bool:
    if record.get("completion") is not None:
        return True
    return record.get("prompt") is not None and all(record.get(name) is None for name in _OTHERS)


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    prompt, completion = record.get("prompt"), record.get("completion")
    if not isinstance(prompt, list) and not isinstance(completion, list):
        return Sample("completion", place, prompt=text(record, "prompt"), completion=text(record, "completion"))
    if type(prompt) is not type(completion):
        what = tr(
            f"is {kind_of(completion)} beside a prompt that is {kind_of(prompt)}",
            f"是{kind_of(completion)}，而 prompt 是{kind_of(prompt)}",
        )
        raise Misfit("completion", what)
    read_only = [_unlearned(message) for message in read_messages(prompt, "prompt", ignored)]
    return Sample("chat", place, read_only + read_messages(completion, "completion", ignored), tools(record, ignored))


def _unlearned(message: dict) -> dict:
    return message | {"weight": 0.0} if message["role"] == "assistant" else message


def write(sample: Sample) -> dict:
    if sample.kind == "completion":
        return {"prompt": sample.prompt, "completion": sample.completion}
    messages = sample.messages
    first = next((n for n, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight") != 0), None)
    if not first:  # nothing is trained, or nothing stands before it
        raise Misfit(
            "messages", tr("completion needs a prompt and a trained answer", "completion 格式需要提示与受训的回答")
        )
    prompt = [{key: value for key, value in m.items() if key != "weight"} for m in messages[:first]]
    return {"prompt": prompt, "completion": messages[first:], **({"tools": sample.tools} if sample.tools else {})}
