"""What `zhinao data check` has found so far: counts by kind, the worst samples, totals. Prints nothing, writes nothing.

Memory does not grow with the data but for the numbers of `Repeats` and the lengths (four bytes a sample).
"""

import dataclasses
import heapq
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from zhinao.data.check.finding import KINDS, LEVELS, Finding
from zhinao.data.check.inspection import Inspection
from zhinao.data.encode.omitted import Omitted
from zhinao.data.sample import Place

NUM_WORST = 20
_NUM_EXAMPLES = 3
_QUANTILES = (0, 0.5, 0.9, 0.99, 1)


@dataclass
class Kind:
    """How often one kind was found: in how many samples, and where first."""

    num_samples: int = 0
    examples: list[str] = field(default_factory=list)


class Report:
    """Feed it inspections with `add`; `finish` once at the end. `ignored`: codes that are not looked for."""

    def __init__(self, ignored: frozenset[str] = frozenset()):
        self.kinds: dict[str, Kind] = {}
        self.num_samples = self.num_tokens = self.num_supervised = 0
        self.languages, self.sources = Counter(), Counter()
        self.lengths, self.supervised = array("I"), array("I")
        self.found: list = []  # what each file was found to be (`read.Found`)
        self.omitted = Omitted()
        self._ignored, self._repeats = ignored, Repeats()
        self._worst: list[tuple] = []  # a heap: (score, -order, place, findings)
        self._order = 0

    def add(self, seen: Inspection) -> None:
        self.num_samples += 1
        self.sources[seen.place.source] += 1
        if seen.kind != "fault":
            self.num_tokens += seen.num_tokens
            self.num_supervised += seen.num_supervised
            self.languages[seen.language] += 1
            self.lengths.append(seen.num_tokens)
            self.supervised.append(seen.num_supervised)
        if seen.omitted:
            self.omitted.merge(seen.omitted)
        self._repeats.add(seen)
        self._note(seen.place, [f for f in seen.findings if f.code not in self._ignored])

    def finish(self, further: list[Finding] = ()) -> None:
        """Compare samples with one another. `further`: findings about the data as a whole."""
        for place, finding in self._repeats.findings():
            if finding.code not in self._ignored:
                self._note(place, [finding])
        for finding in further:
            if finding.code not in self._ignored:
                self.kinds.setdefault(finding.code, Kind(0, [finding.detail]))

    def num_of(self, level: str) -> int:
        """How many findings of a level there are, each kind counted once a sample."""
        return sum(max(kind.num_samples, 1) for code, kind in self.kinds.items() if KINDS[code][0] == level)

    def ordered(self) -> list[tuple[str, Kind]]:
        """The kinds that were found, the worst and most frequent first."""
        rank = {code: (LEVELS.index(KINDS[code][0]), -kind.num_samples) for code, kind in self.kinds.items()}
        return sorted(self.kinds.items(), key=lambda item: rank[item[0]])

    def worst(self) -> list[tuple[Place, tuple[Finding, ...]]]:
        """The samples with the most and worst findings; equally bad ones in the order of the data."""
        return [(place, findings) for _, _, place, findings in sorted(self._worst, reverse=True, key=lambda w: w[:2])]

    def as_dict(self) -> dict:
        """For `--json`."""
        return {
            "samples": self.num_samples,
            "tokens": self.num_tokens,
            "supervised_tokens": self.num_supervised,
            "sources": dict(self.sources),
            "files": [
                {"source": f.source, "container": f.container, "format": f.format, "not_kept": dict(+f.ignored)}
                for f in self.found
            ],
            "overlong": dataclasses.asdict(self.omitted.total),
            "languages": dict(self.languages),
            "lengths": quantiles(self.lengths),
            "supervised_per_sample": quantiles(self.supervised),
            "findings": {
                code: {"level": KINDS[code][0], "samples": kind.num_samples, "first": kind.examples}
                for code, kind in self.ordered()
            },
            "worst": [
                {
                    "source": place.source,
                    "line": place.line,
                    "record": place.record,
                    "findings": [{"code": f.code, "field": f.field, "detail": f.detail} for f in findings],
                }
                for place, findings in self.worst()
            ],
        }

    def _note(self, place: Place, findings: list[Finding]) -> None:
        for code in {finding.code for finding in findings}:
            kind = self.kinds.setdefault(code, Kind())
            kind.num_samples += 1
            if len(kind.examples) < _NUM_EXAMPLES:
                kind.examples.append(str(place))
        if findings:
            self._order += 1
            entry = (
                _score(findings),
                -self._order,
                place,
                tuple(sorted(findings, key=lambda f: LEVELS.index(f.level))),
            )
            (heapq.heappush if len(self._worst) < NUM_WORST else heapq.heappushpop)(self._worst, entry)


def _score(findings: list[Finding]) -> int:
    """One error weighs more than any number of warnings that a sample may have."""
    weights = {"error": 10_000, "warning": 10, "note": 1}
    return sum(weights[finding.level] for finding in findings)


def quantiles(values: array) -> dict[str, int]:
    """Least, median, 90 and 99 in a hundred, most; `{}` for no values."""
    if not len(values):
        return {}
    numbers = np.quantile(np.asarray(values), _QUANTILES, method="inverted_cdf")
    return dict(zip(("min", "p50", "p90", "p99", "max"), (int(n) for n in numbers), strict=True))


_NO_LINE = -1


class Repeats:
    """Add the inspection of every sample, then ask for `findings`."""

    def __init__(self):
        self._hashes = [array("Q") for _ in range(3)]
        self._lines, self._records, self._source = array("q"), array("q"), array("q")
        self._sources: dict[str, int] = {}

    def add(self, seen: Inspection) -> None:
        if seen.hashes is None:
            return
        for kept, value in zip(self._hashes, seen.hashes, strict=True):
            kept.append(value)
        place = seen.place
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
