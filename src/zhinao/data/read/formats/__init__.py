"""The formats of training data, one file each: NAME, KINDS (which samples it gives), FIELDS, `claims`, `read`, `write`.

`claims(record)`: its characteristic field is there. `read(record, place, ignored)` -> Sample and `write(sample)` -> record raise
Misfit. What all formats have in common (labels, weights, nulls, pictures) is here. Formats know no files.
"""

import dataclasses
from collections import Counter
from types import ModuleType

from zhinao.config import suggestion
from zhinao.data.read.formats import (
    alpaca,
    belle,
    completion,
    conversations,
    messages,
    nulls,
    preference,
    qa,
    sharegpt,
    text,
)
from zhinao.data.read.formats.fields import LABELS, NUMBERS, TRUTHS, Misfit, label, weight
from zhinao.data.sample import Place, Sample
from zhinao.errors import UsageError
from zhinao.lang import tr

FORMATS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (messages, sharegpt, conversations, alpaca, belle, qa, completion, preference, text)
}
KNOWN_FIELDS = frozenset().union(*(module.FIELDS for module in FORMATS.values()))
_MEDIA = ("image", "images", "video", "videos", "audio", "audios")
# kind of sample -> the format that holds every one of that kind
NATIVE = {"chat": "messages", "text": "text", "completion": "completion", "preference": "preference"}


def named(name: str) -> ModuleType:
    """Raises UsageError for a name that nobody knows."""
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(
            tr(f"The format {name!r} is unknown; known: {known}.", f"未知的格式 {name!r}，可用：{known}。"),
            suggestion(name, FORMATS),
        )
    return FORMATS[name]


def claiming(record: dict) -> list[ModuleType]:
    """The formats whose characteristic field the record has. Pairs of chosen and rejected are nothing else beside."""
    if preference.claims(record):
        return [preference]
    return [module for module in FORMATS.values() if module.claims(record)]


def read(module: ModuleType, record: dict, place: Place, ignored: Counter) -> Sample:
    """The record as a sample. Fields that no sample keeps are counted in `ignored`, those that say what is learned never are.

    Raises Misfit.
    """
    sample = module.read(record, place, ignored)
    read_too: set[str] = set()
    if record.keys() - module.FIELDS:
        _check_seen(record, sample)
        sample, read_too = _judged(sample, record)
    for name in record.keys() - module.FIELDS - read_too:
        ignored[name] += record[name] not in (None, "")
    return nulls.of_arguments(sample, ignored)


def _judged(sample: Sample, record: dict) -> tuple[Sample, set[str]]:
    """The sample with what the record says of all of it, its label and its weight; and the fields that were read for it."""
    if sample.kind == "text":  # its label would be a class
        return sample, set()
    found, read_too = label(record), {name for name in LABELS if label({name: record.get(name)}) is not None}
    said = {name: record[name] for name in NUMBERS if type(record.get(name)) in (int, float)}
    said |= {name: record[name] for name in TRUTHS if isinstance(record.get(name), bool)}
    factor = weight(said, "record") if said else 1.0
    if factor > 1 or (
        factor < 1 and sample.kind != "chat"
    ):  # above 1 it is likelier to be a column about something else
        what = tr(
            f"is {factor:g}: of a whole record, only conversations can have a weight, from 0 to 1; or use --data_weights",
            f"为 {factor:g}：整条数据的权重只用于对话，取 0 到 1；也可用 --data_weights",
        )
        raise Misfit(next(iter(said)), what)
    if factor != 1:
        sample = dataclasses.replace(sample, messages=[_weighted(message, factor) for message in sample.messages])
    marked_by = next((name for name in LABELS if name in read_too), "")
    return dataclasses.replace(sample, label=found, marked_by=marked_by), read_too | said.keys()


def _weighted(message: dict, factor: float) -> dict:
    if message["role"] != "assistant":
        return message
    value = message.get("weight", 1.0) * factor
    return message | {"weight": value} if value != 1 else {key: old for key, old in message.items() if key != "weight"}


def _check_seen(record: dict, sample: Sample) -> None:
    """Raises Misfit for pictures and the like that the texts speak of: the model would learn to talk of what it never saw."""
    name = next((name for name in _MEDIA if record.get(name)), None)
    mark = name and f"<{name.removesuffix('s')}>"
    texts = (*(m["content"] for m in (*sample.messages, *sample.chosen, *sample.rejected)), sample.prompt, sample.text)
    if mark and any(mark in said for said in texts):
        raise Misfit(
            name, tr(f"{mark} stands in the text, and only text can be read", f"文本中有 {mark}，而只支持文本")
        )


def write(sample: Sample, name: str) -> dict:
    """The sample as a record of the format. Raises Misfit where the format cannot hold it without loss."""
    module = FORMATS[name]
    if sample.kind not in module.KINDS:
        raise Misfit("", tr(f"{name} holds no {sample.kind} samples", f"{name} 格式不能保存 {sample.kind} 样本"))
    record = module.write(sample)
    return record if sample.label is None else {**record, "label": sample.label}
