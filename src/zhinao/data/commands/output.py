"""A data file that is whole or absent: records written as JSON lines, a JSON array or plain text, gzip by the name."""

import contextlib
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from zhinao import outfile
from zhinao.data.read.formats.fields import Misfit
from zhinao.data.read.sources import STDIN, suffix
from zhinao.errors import UsageError
from zhinao.lang import tr

SUFFIXES = (".jsonl", ".json", ".txt")
Write = Callable[[dict], None]


def check_target(target: Path, is_forced: bool) -> None:
    """Raises UsageError for a name whose form is not known, and for a file that is there already.

    A device or a FIFO has no such name, and nothing in it could be lost.
    """
    if str(target) == STDIN or not (target.is_file() or target.is_dir() or not target.exists()):
        return
    if suffix(str(target)) not in SUFFIXES:
        raise UsageError(
            tr(
                f"{target}: the name must end in .jsonl, .json or .txt, or one of these with .gz.",
                f"{target}：文件名须以 .jsonl、.json、.txt 结尾，或再加 .gz。",
            )
        )
    if target.exists() and not is_forced:
        raise UsageError(
            tr(f"{target}: is there already.", f"{target}：已存在。"), tr("--force replaces it", "--force 可覆盖")
        )


@contextlib.contextmanager
def writing(target: Path) -> Iterator[Write]:
    """`write(record)`; the file takes its name when the block ends well. `-`: JSON lines on standard output, as they come.

    Raises DiskError. `write` raises Misfit for a document that plain text cannot hold.
    """
    if str(target) == STDIN:
        yield _lines(sys.stdout)
        sys.stdout.flush()
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise outfile.cannot_write(target, error) from None
    with outfile.writing(target) as raw, _text(raw, target) as file:
        end = None
        if suffix(str(target)) == ".json":
            write, end = _array(file)
        else:
            write = _documents(file) if suffix(str(target)) == ".txt" else _lines(file)
        yield write
        if end:
            end()


@contextlib.contextmanager
def _text(raw: io.BufferedIOBase, target: Path) -> Iterator[io.TextIOBase]:
    with contextlib.ExitStack() as stack:
        if target.name.lower().endswith(".gz"):  # without name and time, so that the same data gives the same bytes
            raw = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        yield stack.enter_context(io.TextIOWrapper(raw, "utf-8", "backslashreplace", newline="\n"))


def _lines(file) -> Write:
    return lambda record: file.write(outfile.json_text(record, file) + "\n")


def _array(file) -> tuple[Write, Callable[[], None]]:
    is_first = True

    def write(record: dict) -> None:
        nonlocal is_first
        text = json.dumps(record, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        file.write(("[\n  " if is_first else ",\n  ") + text)
        is_first = False

    return write, lambda: file.write("[]\n" if is_first else "\n]\n")


def _documents(file) -> Write:
    def write(record: dict) -> None:
        text = record.get("text")
        if text is None:
            raise Misfit("", tr("only --to text can be written as .txt", "只有 --to text 可以写成 .txt"))
        if not text.strip() or text.strip("\r\n") != text or "\n" in text:
            what = tr("has line breaks or is blank; .txt holds a line a document", "含换行或为空白，而 .txt 每行一篇")
            raise Misfit("text", what)
        file.write(text + "\n")

    return write
