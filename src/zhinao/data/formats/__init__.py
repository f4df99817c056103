"""The formats of training data, one file each: NAME, KINDS (which samples it gives), FIELDS, `claims`, `read`, `write`.

`claims(record)`: its characteristic field is there. `read(record, place, ignored)` -> Sample and `write(sample)` -> record raise
Misfit. Formats know no files.
"""

from types import ModuleType

from zhinao.config import suggestion
from zhinao.data.formats import alpaca, belle, completion, conversations, messages, preference, sharegpt, text
from zhinao.data.formats.fields import Misfit
from zhinao.data.sample import Sample
from zhinao.errors import UsageError
from zhinao.lang import tr

FORMATS: dict[str, ModuleType] = {
    module.NAME: module for module in (messages, sharegpt, conversations, alpaca, belle, completion, preference, text)
}
KNOWN_FIELDS = frozenset().union(*(module.FIELDS for module in FORMATS.values()))
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


def write(sample: Sample, name: str) -> dict:
    """The sample as a record of the format. Raises Misfit where the format cannot hold it without loss."""
    module = FORMATS[name]
    if sample.kind not in module.KINDS:
        raise Misfit("", tr(f"{name} holds no {sample.kind} samples", f"{name} 格式不能保存 {sample.kind} 样本"))
    return module.write(sample)
