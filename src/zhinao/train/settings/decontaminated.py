"""The gate before training: `--decontaminated REPORT` is a report of `zhinao reason decontaminate` on these very files. Imports no torch."""

import json
from pathlib import Path

from zhinao import files
from zhinao.data.read.sources import STDIN, expand
from zhinao.data.store import mix
from zhinao.errors import UsageError
from zhinao.lang import tr

KIND = "decontamination"  # of the report


def check(settings) -> list[str]:
    """What the run notes of it: a sentence, or none where no report is named.

    Raises UsageError where the report is none, and where a file is not one that it found clean.
    """
    if not settings.decontaminated:
        return []
    path = Path(settings.decontaminated)
    report = _read(path)
    clean = _clean(report)
    for file in expand(mix.entries(settings.data_path)[0]).files:
        if file == STDIN or files.sha256(Path(file)) not in clean:
            raise _refused(path, report, file)
    against = ", ".join(report["benchmarks"])
    return [
        tr(
            f"Decontaminated by {path} (sha256 {files.sha256(path)[:16]}) against {against}.",
            f"已按 {path}（sha256 {files.sha256(path)[:16]}）去除评测题目：{against}。",
        )
    ]


def _read(path: Path) -> dict:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["kind"] == KIND and isinstance(report["files"], list) and report["benchmarks"]:
            return report
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        tr(
            f"--decontaminated: {path} is no report of `zhinao reason decontaminate`.",
            f"--decontaminated：{path} 不是 `zhinao reason decontaminate` 的报告。",
        ),
        "zhinao reason decontaminate DATA --out REPORT.json",
    )


def _clean(report: dict) -> set[str]:
    """Hashes of the files that may be trained on: the clean copy, and those looked at, where nothing was found."""
    hashes = {one["sha256"] for one in report["files"]} if not report["num_found"] else set()
    return hashes | ({report["clean"]["sha256"]} if report["clean"] else set())


def _refused(path: Path, report: dict, file: str) -> UsageError:
    known = file != STDIN and files.sha256(Path(file)) in {one["sha256"] for one in report["files"]}
    if not known:
        return UsageError(
            tr(
                f"--decontaminated: {path} is about other data than {file}, or about an earlier state of it.",
                f"--decontaminated：{path} 针对的不是 {file}，或该文件此后有改动。",
            ),
            f"zhinao reason decontaminate {file} --out {path} --force",
        )
    clean = (report["clean"] or {}).get("path")
    return UsageError(
        tr(
            f"--decontaminated: {report['num_found']:,} records of this data are benchmark questions ({file}).",
            f"--decontaminated：数据中有 {report['num_found']:,} 条与评测题目重合（{file}）。",
        ),
        f"--data_path {clean}"
        if clean
        else f"zhinao reason decontaminate {file} --clean CLEAN.jsonl --out {path} --force",
    )
