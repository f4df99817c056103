"""Encoded documents on disk: one flat file a column, written in one go and read through the page cache. Encodes nothing."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zhinao.data.encode.encoding import Encoded
from zhinao.data.encode.omitted import Omitted
from zhinao.data.read.read import Found
from zhinao.data.sample import Fault, Place
from zhinao.files import write_json

# Per document: where it ends in `ids`, `spans` and `turns`; tokens that are trained; where it came from.
# A span is a stretch of equal weight; what lies in none has weight 0.
COLUMNS = {
    "ids": np.dtype("<i4"),
    "spans": np.dtype([("start", "<i4"), ("end", "<i4"), ("weight", "<f4")]),
    "turns": np.dtype("<i4"),
    "ends": np.dtype([("ids", "<i8"), ("spans", "<i8"), ("turns", "<i8")]),
    "num_supervised": np.dtype("<i4"),
    "groups": np.dtype("<u8"),  # documents of one are held out together (`holdout.py`)
    "places": np.dtype([("file", "<i4"), ("line", "<i8"), ("record", "<i8")]),  # line -1: there are no lines
}
META = "cache.json"


def columns_of(documents: Sequence[Encoded], groups: Sequence[int], number_of: dict[str, int]) -> dict[str, np.ndarray]:
    """The columns of some documents, each with its group; `number_of` says which file a place's source is. `ends` count from 0."""
    spans = [_spans(document.weights) for document in documents]
    ends = np.zeros(len(documents), COLUMNS["ends"])
    ends["ids"] = np.cumsum([len(d.ids) for d in documents])
    ends["spans"] = np.cumsum([len(s) for s in spans])
    ends["turns"] = np.cumsum([len(d.turns) for d in documents])
    places = [
        (number_of[d.place.source], -1 if d.place.line is None else d.place.line, d.place.record) for d in documents
    ]
    return {
        "ids": _joined("ids", [d.ids for d in documents]),
        "spans": _joined("spans", spans),
        "turns": np.array([turn for d in documents for turn in d.turns], COLUMNS["turns"]),
        "ends": ends,
        "num_supervised": np.array([d.num_supervised for d in documents], COLUMNS["num_supervised"]),
        "groups": np.array(groups, COLUMNS["groups"]),
        "places": np.array(places, COLUMNS["places"]),
    }


def write(folder: Path, parts: Iterable[dict[str, np.ndarray]]) -> tuple[int, str]:
    """Write the columns, part after part; the number of documents, and a digest of their ids and weights."""
    files = {name: (folder / name).open("wb") for name in COLUMNS}
    digests = {name: hashlib.sha256() for name in ("ids", "spans", "ends")}
    before, num_documents = np.zeros((), COLUMNS["ends"]), 0
    try:
        for part in parts:
            ends = part["ends"].copy()
            for name in ends.dtype.names:
                ends[name] += before[name]
            before = ends[-1] if len(ends) else before
            num_documents += len(ends)
            for name, file in files.items():
                block = (ends if name == "ends" else part[name]).tobytes()
                file.write(block)
                if name in digests:
                    digests[name].update(block)
    finally:
        for file in files.values():
            file.close()
    return num_documents, hashlib.sha256(b"".join(d.digest() for d in digests.values())).hexdigest()[:32]


class TokenCache:
    """Documents ready for the trainer, in the order in which they were read. They stay on disk; what is read is mapped.

    `lengths`: `(N,)` int64, tokens a document. `num_supervised`: `(N,)` int32. `groups`: `(N,)` uint64, the same where documents
    begin with the same prompt. `spans`: of all documents one after the other. `source_of`: `(N,)` int32, which of the named
    sources (`sources`) each is from. `found`: what each file was found to be. `losses`: what the run loses. `faults`: the
    first items that could not be used.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.meta = json.loads((folder / META).read_text(encoding="utf-8"))
        self._columns = {name: _mapped(folder / name, dtype) for name, dtype in COLUMNS.items()}
        self._ends, self._places = self._columns["ends"], self._columns["places"]
        self.sources: list[str] = self.meta["sources"]
        self.lengths = np.diff(self._ends["ids"], prepend=0)
        self.spans, self.num_supervised = self._columns["spans"], self._columns["num_supervised"]
        self.groups = self._columns["groups"]
        self.found = [Found.from_json(file) for file in self.meta["found"]]
        self.losses = Omitted.from_json(self.meta["losses"])
        self.faults = [Fault(**{**fault, "place": Place(**fault["place"])}) for fault in self.meta["faults"]]

    @classmethod
    def open(cls, folder: str | Path) -> "TokenCache":
        return cls(Path(folder))

    def __reduce__(self):
        return TokenCache, (self.folder,)  # a data loader's process maps the files itself

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> Encoded:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        ids = np.array(self._slice("ids", index))
        weights = np.zeros(len(ids), np.float32)
        for start, end, weight in self._slice("spans", index).tolist():
            weights[start:end] = weight
        return Encoded(ids, weights, self.place(index), tuple(self._slice("turns", index).tolist()))

    def place(self, index: int) -> Place:
        number, line, record = self._places[index].item()
        return Place(self.meta["files"][number], None if line < 0 else line, record)

    @property
    def source_of(self) -> np.ndarray:
        return np.array(self.meta["source_of_file"], np.int32)[self._places["file"]]

    @property
    def sample_of(self) -> np.ndarray:
        """`(N,)` int64: documents of one sample share a number, from 0 on."""
        is_new = np.zeros(len(self), bool)
        is_new[1:] = self._places[1:] != self._places[:-1]
        return np.cumsum(is_new)

    @property
    def key(self) -> str:
        """Hex digest of everything that the documents depend on: data, tokenizer, template, choices, code."""
        return self.meta["key"]

    @property
    def digest(self) -> str:
        """Hex digest of the documents themselves: the same where another version of the package made the same of the data."""
        return self.meta["digest"]

    @property
    def num_bytes(self) -> int:
        return sum((self.folder / name).stat().st_size for name in COLUMNS)

    def _slice(self, column: str, index: int) -> np.ndarray:
        start = int(self._ends[column][index - 1]) if index else 0
        return self._columns[column][start : int(self._ends[column][index])]


def write_meta(folder: Path, **meta) -> None:
    write_json(folder / META, meta)


def _mapped(file: Path, dtype: np.dtype) -> np.ndarray:
    """An empty file cannot be mapped."""
    return np.memmap(file, dtype, mode="r").view(np.ndarray) if file.stat().st_size else np.zeros(0, dtype)


def _joined(name: str, parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts, dtype=COLUMNS[name]) if parts else np.zeros(0, COLUMNS[name])


def _spans(weights: np.ndarray) -> np.ndarray:
    """The stretches of equal weight that is not 0."""
    borders = np.flatnonzero(np.diff(weights)) + 1
    starts = np.concatenate([[0], borders])
    spans = np.zeros(len(starts), COLUMNS["spans"])
    spans["start"], spans["end"] = starts, np.append(borders, len(weights))
    spans["weight"] = weights[starts]
    return spans[spans["weight"] != 0]
