"""Encoded pairs on disk, as the dataset that TRL takes: made once, by whichever process of a run comes first.

What TRL computes for them beforehand (the reference's log-probabilities) it keeps beside them, for the other processes and for
a run that is resumed. Imports no torch.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao import files
from zhinao.data.encode import pairs
from zhinao.data.encode.choices import How
from zhinao.data.encode.omitted import LossTable
from zhinao.data.read.read import Found, read
from zhinao.data.read.sources import STDIN, expand
from zhinao.data.sample import Fault, Place
from zhinao.data.store import key as cache_key
from zhinao.data.store.columns import META, write_meta
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.model.tokenizer_folder import read_json
from zhinao.progress import Counter, shown

VERSION = 2
GROUPS = "groups.npy"
COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids")


@dataclass(frozen=True)
class Pairs:
    """`dataset`: a `datasets.Dataset`, memory-mapped. `groups`: `(N,)` uint64, the same for pairs that are held out together.
    `found`: what each file was found to be. `key`: a digest of everything that decides ids."""

    dataset: object
    groups: np.ndarray
    losses: LossTable
    found: list[Found]
    key: str

    def lengths(self) -> np.ndarray:
        """`(2N,)`: tokens of each document, prompt and answer."""
        prompt, chosen, rejected = (np.array([len(ids) for ids in self.dataset[name]]) for name in COLUMNS)
        return np.concatenate([prompt + chosen, prompt + rejected])

    def num_answered(self) -> int:
        """Tokens of all answers."""
        return sum(len(ids) for name in COLUMNS[1:] for ids in self.dataset[name])


def build(sources, settings, tokenizer_folder: Path, values: dict[str, str]) -> Pairs:
    """Raises DataError for data that cannot be used, with file and line."""
    from datasets import load_from_disk

    names = _files(sources)
    how = How(thoughts=settings.thoughts, rejected=settings.rejected)
    choices = {
        "pairs": VERSION,
        **dataclasses.asdict(how),
        "limit": settings.model_max_length,
        "format": settings.format,
    }
    key = cache_key.digest(names, tokenizer_folder, {**choices, "values": values})
    kept = files.private_home("data") / f"pairs-{key}"
    with files.lock(kept.with_name(f"{kept.name}.lock")):
        if not (kept / META).exists():
            _build(kept, names, settings, how, tokenizer_folder, values)
    meta = read_json(kept / META)
    losses = LossTable.from_json(meta["losses"])
    faults = [Fault(**{**fault, "place": Place(**fault["place"])}) for fault in meta["faults"]]
    _check(losses, faults, settings)
    kept.touch()
    found = [Found.from_json(file) for file in meta["found"]]
    return Pairs(load_from_disk(str(kept)), np.load(kept / GROUPS), losses, found, key)


def _files(sources) -> list[str]:
    if STDIN in sources:
        raise UsageError(
            tr("Training cannot read standard input: every epoch reads the data.", "训练不能读取标准输入：每轮都要读数据。"),
            tr("write it to a file first", "请先保存为文件"),
        )  # fmt: skip
    return list(dict.fromkeys(expand(sources).files))


def _check(losses: LossTable, faults: list[Fault], settings) -> None:
    share = settings.max_overlong_share if settings.overlong == "error" else None
    pairs.check(losses, faults, settings.model_max_length, share, settings.max_faulty_share)


def _build(target: Path, names: list[str], settings, how: How, tokenizer_folder: Path, values: dict[str, str]) -> None:
    from datasets import Dataset, Features, Sequence, Value
    from datasets.utils.logging import disable_progress_bar

    files_found: list[Found] = []
    losses, faults, size = LossTable(), [], sum(Path(name).stat().st_size for name in names)
    tokenizer = Tokenizer.load(tokenizer_folder)
    files.check_free_space(target, size * 3)
    with shown(None) as report:
        counter = Counter(report, tr("encoding the data", "编码数据"), size)
        items = read(names, format=settings.format, on_file=files_found.append, on_bytes=counter.add)
        found = list(pairs.pairs(items, tokenizer, how, values, settings.model_max_length, losses, faults))
    _check(losses, faults, settings)
    columns = dict(
        zip(COLUMNS, zip(*((one.prompt, one.chosen, one.rejected) for one in found), strict=True), strict=True)
    )
    disable_progress_bar()
    dataset = Dataset.from_dict(
        {name: list(values) for name, values in columns.items()},
        features=Features({name: Sequence(Value("int32")) for name in COLUMNS}),
    )
    with files.atomic_folder(target, is_private=True) as folder:
        dataset.save_to_disk(str(folder))
        kept = [dataclasses.asdict(fault) for fault in faults]
        np.save(folder / GROUPS, np.array([one.group for one in found], np.uint64))
        files_read = [file.to_json() for file in files_found]
        write_meta(folder, key=target.name, losses=losses.to_json(), faults=kept, found=files_read)
