"""`qa`: one question and its answer under the names that tables of other projects give them; earlier turns in `history`, and a
`system` prompt, as in alpaca's files.

A pair of names that could as well be something else (`prompt` and `response`: with or without a template?) is not among them.
"""

from collections import Counter

from zhinao.data.read.formats import alpaca
from zhinao.data.read.formats.fields import Misfit, plain_turns, text, with_system
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr

_ENGLISH = (("question", "answer"), ("query", "response"), ("input", "output"))
NAMES = (
    *_ENGLISH,
    *((question.capitalize(), answer.capitalize()) for question, answer in _ENGLISH),
    *(("问题", "答案"), ("问题", "回答"), ("提问", "回答"), ("问", "答")),
)
NAME, KINDS = "qa", ("chat",)
FIELDS = {"history", "system", *(name for pair in NAMES for name in pair)}
_OTHERS = ("messages", "conversations", "instruction", "prompt", "completion", "text")
# What a question cannot be understood without: it would be lost.
_PARTS = ("context", "passage", "options", "choices", "A", "选项", "材料", "背景")


def claims(record: dict) -> bool:
    return bool(_pairs(record)) and all(record.get(name) is None for name in _OTHERS)


def _pairs(record: dict) -> list[tuple[str, str]]:
    return [pair for pair in NAMES if all(record.get(name) is not None for name in pair)]


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    question, answer = _names(record)
    messages = [*alpaca.earlier(record), {"role": "user", "content": text(record, question)}]
    for name in (FIELDS & record.keys()) - {question, answer, "history", "system"}:
        ignored[name] += record.get(name) not in (None, "")
    return Sample(
        "chat", place, [*with_system(record, messages), {"role": "assistant", "content": text(record, answer)}]
    )


def _names(record: dict) -> tuple[str, str]:
    """The names of question and answer. Raises Misfit where the record has two pairs of them, none, or a part of a question."""
    found = _pairs(record)
    if not found:
        raise Misfit("", tr("has no question with its answer", "没有成对的问题与答案"))
    if len(found) > 1:
        what = tr(f"stands beside {found[0][0]}: which is the question?", f"与 {found[0][0]} 并列，无法判断哪个是问题")
        raise Misfit(found[1][0], what)
    if part := next((name for name in _PARTS if record.get(name) not in (None, "")), None):
        what = tr(
            f"belongs to the question and would be lost; put it into {found[0][0]}",
            f"是问题的一部分，会丢失；请写进 {found[0][0]}",
        )
        raise Misfit(part, what)
    return found[0]


def write(sample: Sample) -> dict:
    system, turns = plain_turns(sample, NAME)
    record = {"question": turns[-1][0], "answer": turns[-1][1]}
    if turns[:-1]:
        record["history"] = [list(turn) for turn in turns[:-1]]
    return record | ({"system": system} if system else {})
