"""`zhinao eval fetch`: the benchmarks' files, from where their makers keep them."""

from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr


def run(names: list[str], data: Path | None) -> int:
    raise UsageError(tr("Nothing can be fetched yet.", "暂不支持下载。"), "--data DIR")
