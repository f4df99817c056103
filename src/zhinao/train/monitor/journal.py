"""A file of JSON lines, one object a line with a `step`, that goes on where a resumed run does. Knows no numbers."""

import json
import math
from pathlib import Path

from zhinao import outfile
from zhinao.lang import tr


class Journal:
    """`begin` first, then `append`."""

    def __init__(self, file: Path):
        self.file = Path(file)

    def begin(self, step: int) -> list[dict]:
        """Make ready for a run that starts after `step`, and return the lines that stay.

        Lines after `step` are cut: the run will write them again. A run from the beginning puts the file of an earlier
        one aside (`log.1.jsonl`). A line that a killed process left half written is cut too.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if step == 0:
            self._put_aside()
        kept = [record for record in read(self.file) if record["step"] <= step and record.get("kind") != "end"]
        outfile.write_text(self.file, "".join(_line(record) for record in kept))
        return kept

    def append(self, record: dict) -> None:
        """Raises DiskError; half a line that it left is cut when a run goes on."""
        try:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(_line(record))
        except OSError as error:
            failure = outfile.cannot_write(self.file, error)
            failure.hint = tr("free some space, then go on with --resume auto", "腾出空间后用 --resume auto 继续")
            raise failure from None

    def _put_aside(self) -> None:
        if self.file.exists() and self.file.stat().st_size:
            number = 1
            while (aside := self.file.with_suffix(f".{number}{self.file.suffix}")).exists():
                number += 1
            self.file.rename(aside)


def read(file: Path) -> list[dict]:
    """The objects of a journal, up to the first line that is not whole. Empty where there is no file."""
    records = []
    for line in file.read_bytes().splitlines() if file.exists() else []:  # of text it would cut at U+2028 too
        try:
            records.append(json.loads(line))
        except ValueError:  # half a line, half a character
            break
    return records


def _line(record: dict) -> str:
    return json.dumps(_plain(record), ensure_ascii=False) + "\n"


def _plain(value):
    """NaN and infinity are no JSON; they become null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
