"""`alpaca`: instruction, input and output, with earlier turns in `history` and a `system` prompt where they are given."""

from collections import Counter

from zhinao.data.read.formats import belle
from zhinao.data.read.formats.fields import Misfit, items, optional_text, plain_turns, text, with_system
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr

NAME, KINDS = "alpaca", ("chat",)
FIELDS = {"instruction", "input", "output", "history", "system"}


def claims(record: dict) -> bool:
    return record.get("instruction") is not None and not belle.claims(record)


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    return Sample("chat", place, [*prompt(record), {"role": "assistant", "content": text(record, "output")}])


def prompt(record: dict) -> list[dict]:
    """What stands before the answer. Instruction and input are one question, on two lines. Raises Misfit."""
    messages = earlier(record)
    parts = [text(record, "instruction"), optional_text(record, "input")]
    messages.append({"role": "user", "content": "\n".join(part for part in parts if part)})
    return with_system(record, messages)


def earlier(record: dict) -> list[dict]:
    """The turns in `history`. Raises Misfit."""
    messages = []
    history = record.get("history")
    for n, turn in enumerate(items(history, "history") if history else []):
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(said, str) for said in turn):
            what = tr("must be a list of question and answer", "应为 [问, 答] 两个文本")
            raise Misfit(f"history[{n}]", what)
        messages += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return messages


def write(sample: Sample) -> dict:
    system, turns = plain_turns(sample, NAME)
    record = {"instruction": turns[-1][0], "input": "", "output": turns[-1][1]}
    if belle.claims(record):
        what = tr("begins with Human: and would be read as belle", "以 Human: 开头，会被当作 belle 格式读取")
        raise Misfit(f"messages[{len(sample.messages) - 2}].content", what)
    if turns[:-1]:
        record["history"] = [list(turn) for turn in turns[:-1]]
    return record | ({"system": system} if system else {})
