"""Results as people and programs read them: lines on a terminal, a JSON file, and one Markdown table of several servers."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.files import write_json
from zhinao.lang import tr
from zhinao_contract import areas, contract
from zhinao_contract.contract import Check
from zhinao_contract.runner import FAIL, PASS, SKIP, Result

SIGNS = {PASS: "✔", FAIL: "✘", SKIP: "–"}


def _words(outcome: str) -> str:
    return {PASS: tr("pass", "通过"), FAIL: tr("FAIL", "未通过"), SKIP: tr("skip", "跳过")}[outcome]


class Lines:
    """Tells each result when it is there; on a terminal a line below says which check runs."""

    def __init__(self, num_checks: int):
        self._num_checks, self._num_done = num_checks, 0
        self._is_terminal = sys.stderr.isatty()

    def tell(self, check: Check, result: Result) -> None:
        self._num_done += 1
        self._clear()
        print(f"{SIGNS[result.outcome]} {result.level} {check.id:34} {check.title}")
        if result.message:
            print(f"      {_words(result.outcome)}: {result.message}")
        sys.stdout.flush()
        if self._is_terminal and self._num_done < self._num_checks:
            print(f"  {self._num_done}/{self._num_checks} …", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def totals(results: Sequence[Result]) -> list[str]:
    """One line a level, and what it means."""
    names = {"M": tr("must", "必须"), "S": tr("should", "应当"), "C": tr("could", "可选")}
    lines = []
    for level, name in names.items():
        count = Counter(r.outcome for r in results if r.level == level)
        if sum(count.values()):
            counts = ", ".join(f"{count[outcome]} {_words(outcome).lower()}" for outcome in SIGNS)
            lines.append(f"{name:8} {counts}")
    return lines


def exit_code(results: Sequence[Result], level: str) -> int:
    """0; or 10, 11, 12: a must, should, could failed and `level` asks for it. The weightiest counts."""
    failed = {r.level for r in results if r.outcome == FAIL}
    for number, one in enumerate(contract.LEVELS):
        if one in failed and contract.LEVELS.index(level) >= number:
            return 10 + number
    return 0


def record(results: Sequence[Result], **about) -> dict:
    """What `--json` writes: `about` the server, and every result."""
    return {**about, "results": [result.as_dict() for result in results]}


def write(path: Path, record: dict) -> None:
    """Raises DiskError."""
    write_json(path, record)


def write_table(path: Path, records: Sequence[dict]) -> None:
    outfile.write_text(path, table(records))


def read(path: Path) -> dict:
    """A file that `--json` wrote. Raises UsageError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(record["label"], str)
        assert all({"id", "level", "outcome", "message"} <= one.keys() for one in record["results"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError):
        raise UsageError(
            tr(f"{path} is no result of check-api.", f"{path} 不是 check-api 的结果。"),
            "zhinao check-api URL --json FILE",
        ) from None
    return record


def table(records: Sequence[dict]) -> str:
    """The matrix of several servers in Markdown; below it the reasons of what did not pass."""
    found = [{one["id"]: one for one in record["results"]} for record in records]
    labels = [record["label"] for record in records]
    rows = [
        f"| | | {' | '.join(labels)} | {tr('what is checked', '检查内容')} |",
        "| --- | --- |" + " --- |" * (len(records) + 1),
    ]
    for check in areas.every():
        if any(check.id in one for one in found):
            signs = " | ".join(SIGNS.get(one[check.id]["outcome"], "?") if check.id in one else "" for one in found)
            rows.append(f"| `{check.id}` | {check.level} | {signs} | {_cell(check.title)} |")
    parts = [_sums(records, labels), "\n".join(rows)]
    for record, label in zip(records, labels, strict=True):
        lines = [
            f"- {SIGNS[r['outcome']]} `{r['id']}`: {_cell(r['message'])}" for r in record["results"] if r["message"]
        ]
        if lines:
            parts.append(tr(f"### Not passed by {label}", f"### {label} 未通过或跳过的") + "\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _sums(records: Sequence[dict], labels: list[str]) -> str:
    """How many of each level passed, of those that could be checked."""
    lines = [
        tr("| passed | must | should | could | as of |", "| 通过 | 必须 | 应当 | 可选 | 截至 |"),
        "| --- | --- | --- | --- | --- |",
    ]
    for record, label in zip(records, labels, strict=True):
        cells = []
        for level in contract.LEVELS:
            outcomes = [r["outcome"] for r in record["results"] if r["level"] == level and r["outcome"] != SKIP]
            cells.append(f"{outcomes.count(PASS)} / {len(outcomes)}")
        lines.append(f"| {label} | {' | '.join(cells)} | {record.get('date', '')} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "\\<")
