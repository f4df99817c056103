"""A run's folder: `run.json` (what decides its answers), `items.jsonl` (a line an answer, written as it comes), `results.json`.

A line that a crash has cut is dropped; whatever else stands there counts and is never asked again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.evaluate.task import Item
from zhinao.lang import tr
from zhinao.outfile import cannot_write

ITEMS, RESULTS, RUN = "items.jsonl", "results.json", "run.json"


def prompt_hash(item: Item) -> str:
    """Of all that is asked, so that a record of another prompt is not taken for this one's."""
    asked = [item.prompt, item.choices, item.turns]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Store:
    """Opened for one run; `records` are those of before and of now, by (task, id, sample)."""

    def __init__(self, folder: Path, identity: dict):
        """Raises UsageError where the folder holds another run or something else, DiskError where it cannot be written."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from None
        _check_same(folder, identity)
        try:
            self._file = open(folder / ITEMS, "a", encoding="utf-8")  # noqa: SIM115 (for as long as the run lasts)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                tr(f"Another command is running in {folder}.", f"{folder} 正被另一个命令使用。"),
                tr("wait for it, or take another --out", "请等待其结束，或换一个 --out"),
            ) from None
        except OSError as error:
            raise cannot_write(folder / ITEMS, error) from None
        # behind the lock: a line that another command is writing is no cut one
        try:
            self.records = {(one["task"], one["id"], one.get("sample", 0)): one for one in read(folder, mend=True)}
        except UsageError:
            self._file.close()
            raise

    def known(self, task: str, item: Item, sample: int = 0) -> dict | None:
        """The record of this very question, if it is there."""
        record = self.records.get((task, item.id, sample))
        return record if record and record["prompt_hash"] == prompt_hash(item) else None

    def add(self, record: dict) -> None:
        """One line, in the file before this returns."""
        try:
            self._file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.folder / ITEMS, error) from None
        self.records[record["task"], record["id"], record.get("sample", 0)] = record

    def write_results(self, results: dict) -> None:
        """Tasks of an earlier command on this folder stay."""
        with contextlib.suppress(UsageError):
            results = {**results, "tasks": {**results_of(self.folder)["tasks"], **results["tasks"]}}
        outfile.write_text(self.folder / RESULTS, json.dumps(results, ensure_ascii=False, indent=1) + "\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read(folder: Path, mend: bool = False) -> Iterator[dict]:
    """The records of a run. A last line without its end is what a crash left: passed over, with `mend` taken away.

    Raises UsageError for any other damage, with its line.
    """
    file = folder / ITEMS
    if not file.is_file():
        return
    num_whole = 0
    with open(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                break
            num_whole += len(line)
            yield _record(line, file, number)
    if mend and num_whole < file.stat().st_size:
        os.truncate(file, num_whole)


def results_of(folder: Path) -> dict:
    """`results.json` of a run. Raises UsageError where the folder is none."""
    try:
        found = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        if isinstance(found.get("tasks"), dict):
            return found
    except (OSError, ValueError, AttributeError):
        pass
    raise UsageError(
        tr(f"{folder} holds no results of `zhinao eval`.", f"{folder} 中没有 `zhinao eval` 的结果。"),
        "zhinao eval TASK MODEL --out RUN",
    )


def _record(line: bytes, file: Path, number: int) -> dict:
    try:
        record = json.loads(line)
        if all(isinstance(record.get(name), str) for name in ("task", "id", "prompt_hash")):
            return record
    except (ValueError, AttributeError):
        pass
    raise UsageError(
        tr(f"{file}, line {number}: is no record of a run.", f"{file} 第 {number} 行：不是运行记录。"),
        tr("take another --out", "请换一个 --out"),
    )


def _check_same(folder: Path, identity: dict) -> None:
    file = folder / RUN
    if not file.exists():
        if any(folder.iterdir()):
            raise UsageError(
                tr(
                    f"{folder} holds something else than a run of `zhinao eval`.",
                    f"{folder} 中有其他内容，不是 `zhinao eval` 的运行目录。",
                ),
                tr("take an empty or a new folder", "请使用空目录或新目录"),
            )
        outfile.write_text(file, json.dumps(identity, ensure_ascii=False, indent=1) + "\n")
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise UsageError(tr(f"{file} is damaged.", f"{file} 已损坏。"), tr("take another --out", "请换一个 --out"))
    other = [name for name in identity if before.get(name) != identity[name]]
    if other:
        name = other[0]
        raise UsageError(
            tr(
                f"{folder} is a run with {name} {before.get(name)!r}, not {identity[name]!r}.",
                f"{folder} 是 {name} 为 {before.get(name)!r} 的运行，而不是 {identity[name]!r}。",
            ),
            tr("take another --out", "请换一个 --out"),
        )
