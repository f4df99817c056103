"""What training data ask, record by record, with the record as it is: every format of `zhinao data`, and problems with answers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao.data.read import containers, formats
from zhinao.data.read.containers.stream import opened
from zhinao.data.read.formats import cells
from zhinao.data.read.formats.fields import Misfit
from zhinao.data.read.sources import STDIN, expand
from zhinao.data.sample import DataError, Fault, Place, Sample
from zhinao.errors import UsageError
from zhinao.lang import tr

PROBLEMS = ("prompt", "problem", "question")  # of data for `reason grpo`


@dataclass(frozen=True, slots=True)
class Prompts:
    """`texts`: all that is said to the model, turn by turn."""

    place: Place
    record: dict
    texts: list[str]


def files(sources: Sequence[str]) -> list[Path]:
    """Raises UsageError for standard input: a report is about files, which it knows by their hashes."""
    found = expand(sources).files
    if STDIN in found:
        raise UsageError(
            tr("- (standard input) has no hash to report.", "-（标准输入）无法记录哈希。"),
            tr("name a file", "请指定文件"),
        )
    return [Path(file) for file in found]


def read(file: Path, format: str | None = None) -> Iterator[Prompts]:
    """Raises DataError with the place of what cannot be read."""
    with opened(str(file)) as stream:
        container = containers.container_of(stream, format)
        is_table = container in containers.TABLES
        for item in containers.records(stream, container):
            if isinstance(item, Fault):
                raise DataError(str(item), f"zhinao data check {file}")
            place, record = item
            yield _prompts(place, cells.opened(record, is_table), format)


def _prompts(place: Place, record: dict, format: str | None) -> Prompts:
    claiming = [formats.named(format)] if format in formats.FORMATS else formats.claiming(record)
    asked = next((record[name] for name in PROBLEMS if isinstance(record.get(name), str)), None)
    if len(claiming) != 1 and asked is not None:
        return Prompts(place, record, [asked])
    if len(claiming) != 1:
        names = " / ".join(module.NAME for module in claiming)
        what = tr(f"fits {names}", f"同时符合 {names}") if names else tr("has no known format", "格式未知")
        raise DataError(str(Fault(place, "", what)), "--format …")
    try:
        return Prompts(place, record, texts(formats.read(claiming[0], record, place, Counter())))
    except Misfit as misfit:
        if asked is not None:
            return Prompts(place, record, [asked])
        fault = Fault(place, misfit.field, misfit.message)
        raise DataError(str(fault), f"zhinao data check {place.source}") from None


def texts(sample: Sample) -> list[str]:
    """Every message that is not the model's own; a text to be continued as a whole."""
    said = [one.get("content") for one in sample.messages if one["role"] != "assistant"]
    return [text for text in (*said, sample.prompt, sample.text) if text]
