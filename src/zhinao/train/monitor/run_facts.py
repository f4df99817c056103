"""What is known of a run before it starts, as its files and its page tell it; code, libraries and machine are found out here."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

from zhinao import machine
from zhinao.lang import tr
from zhinao.train.loop.counts import Counts
from zhinao.version import __version__

PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "deepspeed", "tokenizers", "safetensors", "numpy")


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
            "code": code(),
            "versions": versions(),
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


def omitted_table(omitted) -> list[list]:
    """What the data lose before the run (`data.encode.omitted`), as rows of cells."""
    heads = [one.name.removeprefix("num_") for one in fields(omitted.total)]
    rows = [[source, *astuple(row)] for source, row in omitted.rows.items()]
    return [[tr("source", "来源"), *heads], *rows]


def code() -> dict:
    """`version` of the package; in a git checkout also `commit` and whether the working tree `is_modified`."""
    found = {"version": __version__}
    root = Path(__file__).parents[4]
    if (root / ".git").exists() and (commit := _git(root, "rev-parse", "HEAD")):
        found |= {"commit": commit, "is_modified": bool(_git(root, "status", "--porcelain", "--", "src"))}
    return found


def versions() -> dict[str, str]:
    """The installed ones of `PACKAGES`, and their versions."""
    return {name: version for name in PACKAGES if (version := machine.version(name))}


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
