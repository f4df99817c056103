"""Samples that occur again: exactly, after normalisation, or with the same prompt and another answer.

Keeps numbers only, 48 bytes a sample, and compares at the end.
"""

from array import array
from collections.abc import Iterator

import numpy as np

from zhinao.data.check.finding import Finding
from zhinao.data.check.look import Facts
from zhinao.data.sample import Place

_NO_LINE = -1


class Repeats:
    """Add the facts of every sample, then ask for `findings`."""

    def __init__(self):
        self._hashes = [array("Q") for _ in range(3)]
        self._lines, self._records, self._source = array("q"), array("q"), array("q")
        self._sources: dict[str, int] = {}

    def add(self, facts: Facts) -> None:
        if facts.hashes is None:
            return
        for kept, value in zip(self._hashes, facts.hashes, strict=True):
            kept.append(value)
        place = facts.place
        self._lines.append(_NO_LINE if place.line is None else place.line)
        self._records.append(place.record)
        self._source.append(self._sources.setdefault(place.source, len(self._sources)))

    def findings(self) -> Iterator[tuple[Place, Finding]]:
        """Each later occurrence with the place of the first one, in the order of the file; one finding a sample."""
        exact, normal, prompt = (np.frombuffer(kept, np.uint64) for kept in self._hashes)
        if not len(exact):
            return
        here = np.arange(len(exact))
        kinds = {
            "duplicate": _first(exact),
            "near-duplicate": _first(normal),
            "same-prompt": np.where(prompt == 0, here, _first(prompt)),
        }
        for n in np.flatnonzero(np.any([first != here for first in kinds.values()], axis=0)).tolist():
            code, first = next((code, int(first[n])) for code, first in kinds.items() if first[n] != n)
            yield self._place(n), Finding(code, "", str(self._place(first)))

    def _place(self, n: int) -> Place:
        line = self._lines[n]
        source = list(self._sources)[self._source[n]]
        return Place(source, None if line == _NO_LINE else line, self._records[n])


def _first(hashes: np.ndarray) -> np.ndarray:
    """For each position the first one that holds the same. `(N,)` -> `(N,)` int64."""
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    return first[group]
