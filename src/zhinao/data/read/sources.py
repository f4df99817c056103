"""Which files a user's names mean: files, folders (searched through, sorted), patterns, `-` for standard input.

Opens none of them; standard input is put aside in a file where it must be read twice.
"""

import contextlib
import glob
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao import foreign
from zhinao.data.sample import DataError
from zhinao.errors import DiskError, UsageError
from zhinao.files import home
from zhinao.lang import tr
from zhinao.oserrors import reason

STDIN = "-"
_HANDED_OVER = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt")


@dataclass(frozen=True)
class Sources:
    """`files` in reading order; `skipped`: what stood in folders and is no data by its name, or no file. `num_bytes` on disk, compressed
    where the files are; standard input counts 0."""

    files: tuple[str, ...]
    skipped: tuple[str, ...]
    num_bytes: int


def expand(names: Sequence[str]) -> Sources:
    """Raises DataError for what is not there or holds no data, UsageError where standard input is named twice."""
    if not names:
        raise UsageError(
            tr("No training data is named.", "没有指定训练数据。"), tr("a file, a folder, or -", "文件、目录或 -")
        )
    if list(names).count(STDIN) > 1:
        raise UsageError(tr("- (standard input) can be named once.", "-（标准输入）只能指定一次。"))
    files, skipped = [], []
    for name in names:
        found, left = _meant(str(name))
        files += found
        skipped += left
    return Sources(tuple(files), tuple(skipped), sum(os.path.getsize(file) for file in files if file != STDIN))


def say_skipped(names: Sequence[str]) -> None:
    for name in names:
        if suffix(name) in SUFFIXES:
            what = tr(
                f"not read, a pipe, a device or a link to nothing: {name}", f"未读取（管道、设备或失效的链接）：{name}"
            )
        else:
            what = tr(f"not read, no data by its name: {name}", f"未读取（后缀不是数据文件）：{name}")
        print(what, file=sys.stderr)


def suffix(source: str) -> str:
    """`.jsonl` of `a.JSONL.gz`."""
    return Path(source.lower().removesuffix(".gz")).suffix


def _meant(name: str) -> tuple[list[str], list[str]]:
    if name == STDIN:
        return [name], []
    if os.path.isdir(name):
        return _in_folder(name)
    if os.path.exists(name):
        _check_regular(name)
        return [name], []
    found = _by_pattern(name)
    if not found:
        what = tr(f"{name}: there is no such file or folder.", f"{name}：没有这个文件或目录。")
        raise DataError(what, _nearest(name))
    data = [path for path in found if suffix(path) in SUFFIXES] or found
    return data, [path for path in found if path not in data]


def _check_regular(name: str) -> None:
    """Raises DataError for a pipe, a socket or a device, which may keep the reader waiting for ever. What the shell hands over, as in
    `<(…)`, has somebody who writes into it."""
    if name.startswith(_HANDED_OVER):
        return
    try:
        foreign.check_regular(Path(name))
    except OSError as error:
        what = reason(error)
        raise DataError(
            tr(f"{name}: cannot be read ({what}).", f"{name}：无法读取（{what}）。"),
            tr("write it into a file first, or pipe it in and name -", "请先存成文件；或用管道输入，并把数据写成 -"),
        ) from None


def _by_pattern(name: str) -> list[str]:
    """Files that a pattern fits, sorted; a file met on several ways (links) once."""
    found = sorted(_matching(name)) if glob.has_magic(name) else []
    by_real_path: dict[str, str] = {}
    for path in filter(os.path.isfile, found):
        by_real_path.setdefault(os.path.realpath(path), path)
    return list(by_real_path.values())


def _matching(pattern: str) -> Iterator[str]:
    """What `glob` finds, but below `**` a link is followed once: two that lead upwards would make 2 ** 40 ways."""
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.glob(pattern)
        return
    at = parts.index("**")
    above, below = "/".join(parts[:at]), "/".join(parts[at + 1 :]) or "*"
    for top in glob.glob(above) if above else ["/" if at else "."]:
        for folder, _ in _walk(top):
            path = os.path.join(glob.escape(folder), below)
            yield from _matching(path if above else path.removeprefix("./"))


def _nearest(name: str) -> str | None:
    from zhinao.config import suggestion

    folder = Path(name).parent
    return suggestion(Path(name).name, [path.name for path in folder.iterdir()]) if folder.is_dir() else None


def _in_folder(folder: str) -> tuple[list[str], list[str]]:
    """Data files below a folder, sorted by path. What is no regular file is left out: a pipe would be waited for for ever."""
    files, skipped = [], []
    for root, names in _walk(folder):
        for name in names:
            path = os.path.join(root, name)
            (files if suffix(name) in SUFFIXES and os.path.isfile(path) else skipped).append(path)
    if not files:
        known = " ".join(SUFFIXES)
        raise DataError(
            tr(f"{folder}: the folder holds no data files.", f"{folder}：目录中没有数据文件。"),
            tr(f"looked for {known}, also with .gz", f"查找的后缀：{known}，以及加 .gz 的"),
        )
    return sorted(files), sorted(skipped)


def _walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder with the names in it that are no folders; hidden ones are not looked at, links are followed once."""
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield root, [name for name in names if not name.startswith(".")]


@contextlib.contextmanager
def put_aside(is_read: bool) -> Iterator[None]:
    """Inside, `sys.stdin` is a file on disk with all that came in, at its beginning. Nothing happens unless `is_read`."""
    if not is_read:
        yield
        return
    home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=home()) as file:
        try:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
        except OSError as error:
            raise DiskError(tr(f"standard input: {reason(error)}.", f"标准输入：{reason(error)}。")) from None
        file.seek(0)
        before, sys.stdin = sys.stdin, io.TextIOWrapper(file)
        try:
            yield
        finally:
            sys.stdin.detach()
            sys.stdin = before


def path_of(source: str) -> Path:
    """The file behind a source; of standard input, the one that was put aside."""
    return Path(f"/dev/fd/{sys.stdin.fileno()}") if source == STDIN else Path(source)


def stamp(source: str) -> tuple[int, int]:
    """Size in bytes and time of the last change."""
    stat = os.stat(path_of(source))
    return stat.st_size, stat.st_mtime_ns
