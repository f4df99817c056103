"""`messages`: OpenAI's form, with tools, thoughts and weights. Holds every conversation without loss."""

from collections import Counter

from zhinao.data.read.formats.fields import with_system
from zhinao.data.read.formats.message_list import read_messages
from zhinao.data.read.formats.tools import TOOLS, tools
from zhinao.data.sample import Place, Sample

NAME, KINDS = "messages", ("chat",)
FIELDS = {"messages", "system", *TOOLS}


def claims(record: dict) -> bool:
    return record.get("messages") is not None


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    messages = read_messages(record.get("messages"), "messages", ignored)
    return Sample("chat", place, with_system(record, messages), tools(record, ignored))


def write(sample: Sample) -> dict:
    return {"messages": sample.messages, **({"tools": sample.tools} if sample.tools else {})}
