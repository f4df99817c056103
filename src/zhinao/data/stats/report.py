"""What `zhinao data stats` counts: samples, documents, tokens, turns, languages, by source; and how well it packs. Prints nothing."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from zhinao.data.check.look import Facts
from zhinao.data.encode.omitted import LossTable
from zhinao.data.store.packing import best_fit, efficiency


@dataclass
class Group:
    """Counts of one source, or of all."""

    num_samples: int = 0
    num_faults: int = 0  # not readable, or nothing of it is trained
    num_tokens: int = 0
    num_supervised: int = 0
    languages: Counter = field(default_factory=Counter)
    kinds: Counter = field(default_factory=Counter)

    def add(self, facts: Facts) -> None:
        self.num_samples += 1
        self.num_tokens += facts.num_tokens
        self.num_supervised += facts.num_supervised
        if facts.lengths:
            self.kinds[facts.kind] += 1
            self.languages[facts.language] += 1
        else:
            self.num_faults += 1

    def as_dict(self) -> dict:
        return {**vars(self), "languages": dict(self.languages), "kinds": dict(self.kinds)}


@dataclass(frozen=True)
class Packing:
    """How documents of at most `capacity` tokens fill rows of that length. `padded`: the same without packing, a row each."""

    capacity: int
    num_rows: int
    num_documents: int
    num_overlong: int
    filled: float
    padded: float


class Count:
    """Feed it facts with `add`. Keeps four bytes a document and two a sample."""

    def __init__(self):
        self.total, self.sources = Group(), {}
        self.lengths, self.supervised, self.turns = array("I"), array("I"), array("H")
        self.losses = LossTable()

    def add(self, facts: Facts) -> None:
        for group in (self.total, self.sources.setdefault(facts.place.source, Group())):
            group.add(facts)
        if facts.losses:
            self.losses.merge(facts.losses)
        if facts.lengths:
            self.lengths.extend(facts.lengths)
            self.supervised.append(facts.num_supervised)
            if facts.num_turns:
                self.turns.append(min(facts.num_turns, 65535))

    def packing(self, capacity: int, seed: int) -> Packing:
        """Best fit over all documents that are not longer than `capacity`."""
        lengths = np.frombuffer(self.lengths, np.uint32).astype(np.int64)
        fitting = lengths[lengths <= capacity]
        packs = best_fit(fitting, capacity, seed)
        padded = float(fitting.sum() / (len(fitting) * capacity)) if len(fitting) else 1.0
        num_overlong = len(lengths) - len(fitting)
        return Packing(capacity, len(packs), len(fitting), num_overlong, efficiency(packs, fitting, capacity), padded)


def histogram(values: array) -> list[tuple[int, int, int]]:
    """`(first, last, count)` of classes whose borders double: 1, 2-3, 4-7 … Empty classes inside are kept."""
    if not len(values):
        return []
    numbers = np.frombuffer(values, {"I": np.uint32, "H": np.uint16}[values.typecode])
    classes = np.where(numbers > 0, np.log2(np.maximum(numbers, 1)).astype(int) + 1, 0)
    counts = np.bincount(classes)
    first = int(np.flatnonzero(counts)[0])
    return [(2 ** (n - 1) if n else 0, 2**n - 1 if n else 0, int(counts[n])) for n in range(first, len(counts))]
