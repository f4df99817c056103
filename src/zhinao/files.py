"""Folders that are whole or absent, JSON files, locks, hashes, free space. One file written whole: `outfile.py`."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from zhinao import outfile
from zhinao.errors import DiskError
from zhinao.lang import tr
from zhinao.oserrors import reason
from zhinao.outfile import PARTIAL

_OLD = "-old"
_SPARE = 2**26  # bytes that a disk keeps free, for logs and other people


def home() -> Path:
    """Where models and compiled graphs are kept: `$ZHINAO_HOME`, else the user's cache folder."""
    if chosen := os.environ.get("ZHINAO_HOME"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zhinao"


def private_home(name: str) -> Path:
    """A folder of `home()` for what people write or train on: nobody else on the machine may look into it. Raises DiskError."""
    folder = home() / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:  # made by an earlier version
            folder.chmod(0o700)
    except OSError as error:
        raise outfile.cannot_write(folder, error) from None
    return folder


def check_free_space(folder: Path, num_bytes: int, hint: str | None = None) -> None:
    """Raise DiskError unless the disk that holds `folder` has room for `num_bytes` and 64 MiB to breathe. `hint`: what to do, for
    a place that is not below `home()`."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    needed = num_bytes + _SPARE
    if free < needed:
        sizes = human_size(needed), human_size(free)
        needs, has = sizes if sizes[0] != sizes[1] else (f"{needed:,} B", f"{free:,} B")
        raise DiskError(
            tr(f"{folder}: {needs} are needed, {has} are free.", f"{folder}：需要 {needs}，只剩 {has}。"),
            hint
            or tr(
                "free some space (`zhinao models` lists what is kept), or set ZHINAO_HOME to another disk",
                "请腾出空间（`zhinao models` 列出已保存的模型），或用 ZHINAO_HOME 指定另一块磁盘",
            ),
        )


def human_size(num_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}" if unit in ("B", "kB") else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"


@contextlib.contextmanager
def atomic_folder(target: Path, is_private: bool = False) -> Iterator[Path]:
    """A fresh folder beside `target` that takes its name when the block ends well and vanishes when it does not.

    `is_private`: folders are 0700 and files 0600, whatever wrote them. An existing `target` is replaced only at the end. Raises DiskError where the parent cannot be written.
    """
    sweep(target)
    work = target.parent / f".{target.name}{PARTIAL}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        _make(work, 0o700 if is_private else 0o777)
        yield work
        if is_private:
            _close(work)
        if target.exists():
            old = work.with_name(work.name + _OLD)
            target.rename(old)
            work.rename(target)
            shutil.rmtree(old)
        else:
            work.rename(target)
    except BaseException as error:  # Ctrl-C too, at any moment
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskError(tr(f"{target}: the disk is full.", f"{target}：磁盘已满。")) from None
        raise


def _close(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode, parents=True)
    except OSError as error:
        raise DiskError(
            tr(
                f"{folder.parent}: cannot be written ({reason(error)}).",
                f"{folder.parent}：无法写入（{reason(error)}）。",
            )
        ) from None


def sweep(target: Path) -> int:
    """Remove what killed processes left beside `target`, as `atomic_folder` does, and say how many folders that were. The process's
    number stands in the name, and it runs no more. A folder that was about to be replaced gets its name back."""
    num_removed = 0
    for left in sorted(target.parent.glob(f".{glob.escape(target.name)}{PARTIAL}*"), reverse=True):
        number = left.name.rpartition(PARTIAL)[2].partition("-")[0]
        if not number.isdigit() or _is_running(int(number)):
            continue
        if left.name.endswith(_OLD) and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)
            num_removed += 1
    return num_removed


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def write_json(path: Path, value) -> None:
    """Write JSON, whole or not at all. Raises DiskError."""
    outfile.write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def sha256(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hex SHA-256 of a file; `on_bytes` is called with the size of each block read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**22):
            digest.update(block)
            if on_bytes:
                on_bytes(len(block))
    return digest.hexdigest()


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an inter-process lock file; a second process waits here until the first is done. Raises DiskError."""
    from filelock import FileLock

    held = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except OSError as error:
        raise DiskError(
            tr(
                f"{path.parent}: cannot be written ({reason(error)}).",
                f"{path.parent}：无法写入（{reason(error)}）。",
            )
        ) from None
    try:
        yield
    finally:
        held.release()
