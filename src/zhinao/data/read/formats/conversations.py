"""`conversations` with `role` and `content`: what the publisher's training code reads."""

from collections import Counter

from zhinao.data.read.formats.fields import with_system
from zhinao.data.read.formats.message_list import is_message, read_messages
from zhinao.data.read.formats.tools import TOOLS, tools
from zhinao.data.sample import Place, Sample

NAME, KINDS = "conversations", ("chat",)
FIELDS = {"conversations", "system", *TOOLS}


def claims(record: dict) -> bool:
    turns = record.get("conversations")
    return isinstance(turns, list) and bool(turns) and is_message(turns[0])


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    messages = read_messages(record.get("conversations"), "conversations", ignored)
    return Sample("chat", place, with_system(record, messages), tools(record, ignored))


def write(sample: Sample) -> dict:
    return {"conversations": sample.messages, **({"tools": sample.tools} if sample.tools else {})}
