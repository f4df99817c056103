"""What is known of a run before it starts, as its files and its page tell it. Finds nothing out by itself but the machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zhinao import machine
from zhinao.train.loop.counts import Counts
from zhinao.train.monitor import provenance


@dataclass
class RunFacts:
    """Facts that the trainer hands over once.

    config: the resolved settings, plain values. hashes: by what was hashed (`data`, `weights`), file -> hex digest.
    data_table: what the data loses before the run, as rows of cells; the first row holds the heads. data_files: what each file
    was found to be, and what of it no sample keeps. lengths: tokens of each document. num_documents, num_tokens, num_supervised: one pass over the data. prompts: the same at every
    evaluation. answer: a prompt's answer by the model as it is at that moment; None where nobody answers. counts: the
    object that the trainer counts in. notes: sentences on what was decided or translated when the run started.
    """

    output_dir: Path
    model_name: str
    config: dict = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    data_table: Sequence[Sequence] = ()
    data_files: Sequence[dict] = ()
    lengths: Sequence[int] = ()
    num_documents: int = 0
    num_tokens: int = 0
    num_supervised: int = 0
    prompts: Sequence[str] = ()
    answer: Callable[[str], str] | None = None
    counts: Counts = field(default_factory=Counts)
    notes: Sequence[str] = ()

    def as_record(self) -> dict:
        """What `run.json` holds: all of this that is data, and code, versions and machine."""
        return {
            "model": self.model_name,
            "config": self.config,
            "notes": list(self.notes),
            "data": {
                "num_documents": self.num_documents,
                "num_tokens": self.num_tokens,
                "num_supervised": self.num_supervised,
                "files": list(self.data_files),
                "table": [list(row) for row in self.data_table],
                "lengths": histogram(self.lengths),
            },
            "hashes": self.hashes,
            "code": provenance.code(),
            "versions": provenance.versions(),
            "machine": machine.facts().as_dict(),
        }


def histogram(lengths: Sequence[int], num_bins: int = 40) -> dict:
    """`edges` (bins + 1, in tokens) and `counts` (bins) of at most `num_bins` equally wide bins from 0; empty without lengths."""
    import numpy as np

    values = np.asarray(lengths)
    if not values.size:
        return {"edges": [], "counts": []}
    width = int(values.max()) // num_bins + 1
    num_bins = int(values.max()) // width + 1
    counts, edges = np.histogram(values, bins=num_bins, range=(0, num_bins * width))
    return {"edges": edges.astype(int).tolist(), "counts": counts.tolist()}
