"""Training data as samples: from files, folders, patterns and standard input, one after the other, without loading them.

The format of a file is that of its first record that fits one; a later record of another format is a Fault. Nothing is guessed:
what fits two formats is an error. `Found` says what each file was taken for. Whether samples are good is `check`'s business.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from zhinao.data.read import containers, formats
from zhinao.data.read.containers import plain_text
from zhinao.data.read.containers.stream import opened
from zhinao.data.read.formats import cells
from zhinao.data.read.formats.fields import Misfit
from zhinao.data.read.sources import STDIN, expand
from zhinao.data.sample import DataError, Fault, Place, Sample
from zhinao.data.visible import visible
from zhinao.lang import tr

FORMAT_NAMES = (*formats.FORMATS, *plain_text.UNITS[1:])
NUM_NAMES = 20  # of fields that are shown


@dataclass
class Found:
    """What a file was found to be: `container` (a key of `containers.NAMES`) and `format`; both grow true while it is read.

    `ignored` counts fields of records that no sample keeps (`id`, `source` …), and nulls that were left out.
    """

    source: str
    container: str = ""
    is_gzip: bool = False
    format: str | None = None
    num_samples: int = 0
    num_faults: int = 0
    ignored: Counter = field(default_factory=Counter)

    def __str__(self) -> str:
        container = tr(*containers.NAMES[self.container]) + (tr(", gzip", "，gzip") if self.is_gzip else "")
        what = self.format or tr("no known format", "未知格式")
        return tr(f"{self.source}: {container}, {what}", f"{self.source}：{container}，{what}")

    @property
    def not_kept(self) -> str:
        """What no sample keeps, as a line for people; empty where all is kept."""
        counts = (+self.ignored).most_common()
        names = ", ".join(f"{visible(name)} ({num:,})" for name, num in counts[:NUM_NAMES])
        more = (
            tr(f" and {len(counts) - NUM_NAMES:,} more", f" 等 {len(counts):,} 个") if len(counts) > NUM_NAMES else ""
        )
        return tr(f"  fields not kept: {names}{more}", f"  未保留的字段：{names}{more}") if counts else ""

    def to_json(self) -> dict:
        return {**vars(self), "ignored": dict(+self.ignored)}  # `dataclasses.asdict` would count a Counter's pairs

    @classmethod
    def from_json(cls, value: dict) -> "Found":
        return cls(**{**value, "ignored": Counter(value["ignored"])})


def read(
    sources: Sequence[str],
    *,
    kind: str | Collection[str] | None = None,
    format: str | None = None,
    on_file: Callable[[Found], None] | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Iterator[Sample | Fault]:
    """Samples and Faults in the order of the sources.

    `kind` (one or several): a sample of another is a Fault. `format`: a name of FORMAT_NAMES, instead of looking at the content.
    `on_file` gets a file's Found as soon as its format is known, and the same object counts on; `on_bytes` how many bytes were
    read from the disk. Raises at once DataError for sources that are not there and UsageError for an unknown format; while reading
    DataError for a file that cannot be read (on), and where a file's first record fits two formats.
    """
    chosen = _chosen(format)
    kinds = {kind} if isinstance(kind, str) else set(kind or ())
    files = expand(sources).files

    def samples() -> Iterator[Sample | Fault]:
        for file in files:
            with contextlib.closing(_file(file, format, chosen, kinds, on_file, on_bytes)) as items:
                yield from items

    return samples()


def describe(sources: Sequence[str], format: str | None = None) -> list[Found]:
    """What each file is, by its first record that fits a format. Standard input is left out: it could not be read again."""
    return [_first_found(file, format) for file in expand(sources).files if file != STDIN]


def _first_found(file: str, format: str | None) -> Found:
    found = []
    with contextlib.closing(_file(file, format, _chosen(format), set(), found.append, None)) as items:
        for _ in items:
            if found:
                break
    return found[0]


def _chosen(format: str | None) -> ModuleType | None:
    if format in plain_text.UNITS:
        return formats.FORMATS["text"]
    return formats.named(format) if format else None


def _file(file: str, format: str | None, module, kinds: set[str], on_file, on_bytes) -> Iterator[Sample | Fault]:
    with opened(file, on_bytes) as stream:
        found = Found(file, containers.container_of(stream, format), stream.is_gzip)
        reader = _Reader(found, module, kinds, on_file)
        for item in containers.records(stream, found.container):
            sample = item if isinstance(item, Fault) else reader.sample(*item)
            if isinstance(sample, Sample):
                found.num_samples += 1
            else:
                found.num_faults += 1
            yield sample
        if not found.num_samples and not found.num_faults:
            raise DataError(
                tr(f"{file}: holds no records.", f"{file}：没有任何数据。"),
                tr("leave it out, or make it anew", "请去掉这个文件，或重新生成"),
            )
        reader.tell()


class _Reader:
    """The records of one file, all in one format: the chosen one, or that of the first record."""

    def __init__(self, found: Found, module: ModuleType | None, kinds: set[str], on_file):
        self._found, self._module, self._is_chosen = found, module, module is not None
        self._kinds, self._on_file = kinds, on_file

    def tell(self) -> None:
        """Report the file once."""
        if self._on_file:
            self._found.format = self._module.NAME if self._module else None
            self._on_file(self._found)
            self._on_file = None

    def sample(self, place: Place, record: dict) -> Sample | Fault:
        try:
            record = cells.opened(record, self._found.container in containers.TABLES)
            if not self._is_chosen:
                self._recognise(place, record)
            self.tell()
            sample = formats.read(self._module, record, place, self._found.ignored)
        except Misfit as misfit:
            return Fault(place, misfit.field, misfit.message)
        if self._kinds and sample.kind not in self._kinds:
            wanted = ", ".join(sorted(self._kinds))
            return Fault(
                place,
                "",
                tr(f"is a sample of kind {sample.kind}, not {wanted}", f"是 {sample.kind} 类样本，而不是 {wanted}"),
            )
        return sample

    def _recognise(self, place: Place, record: dict) -> None:
        """Fix the format by the first record; raises Misfit for a later one that fits another, DataError for one that fits two."""
        claiming = formats.claiming(record)
        if claiming == [self._module]:
            return
        names = [module.NAME for module in claiming]
        if not names:
            raise _unknown(record)
        if self._module is None and len(names) > 1:
            raise _ambiguous(place, names)
        if self._module is not None:
            found, first = " / ".join(names), self._module.NAME
            raise Misfit(
                "", tr(f"has the form of {found}; the file began as {first}", f"是 {found} 格式，而文件开头是 {first}")
            )
        self._module = claiming[0]


def _unknown(record: dict) -> Misfit:
    keys = ", ".join(str(key) for key in list(record)[:8])
    known = ", ".join(formats.FORMATS)
    return Misfit(
        "",
        tr(
            f"has no known format; its fields are {keys or 'none'}. Known formats: {known}",
            f"格式未知，字段为 {keys or '空'}。已知格式：{known}",
        ),
    )


def _ambiguous(place: Place, names: list[str]) -> DataError:
    found = tr(" and ", " 与 ").join(names)
    return DataError(
        tr(f"{place}: fits {found}.", f"{place}：同时符合 {found}。"),
        tr("say which: ", "请指定其一：") + " / ".join(f"--format {name}" for name in names),
    )
