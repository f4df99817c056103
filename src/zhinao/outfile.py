"""Writing to where a user said: a regular file whole or not at all, everything else (device, FIFO, `/dev/fd/N`) directly.

Also standard output, so that a full disk is a sentence there too. Chooses no names and no formats.
"""

import codecs
import contextlib
import errno
import io
import json
import os
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from zhinao.errors import DiskError
from zhinao.lang import tr
from zhinao.oserrors import reason

PARTIAL = ".partial-"
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|\d+))/fd/(\d+)")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
# What a rename is refused with where the file itself can be written: a file mounted by itself, a sticky folder.
_NO_RENAME = (errno.EBUSY, errno.EPERM, errno.EACCES, errno.EXDEV)


class Raw(io.FileIO):
    """An open file that raises DiskError, naming `place`, where it cannot be written. A reader who left: BrokenPipeError."""

    def __init__(self, file: int | Path, place, mode: str = "wb", closefd: bool = True):
        super().__init__(file, mode, closefd)
        self._place = place

    def write(self, data) -> int | None:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise cannot_write(self._place, error) from None


class _Silent(io.FileIO):
    """Where messages go: that they cannot be shown must not end the work that they are about."""

    def write(self, data) -> int | None:
        with contextlib.suppress(OSError):
            return super().write(data)
        return len(memoryview(data).cast("B"))


def cannot_write(place, error: OSError) -> DiskError:
    plain = {
        errno.ENOSPC: tr("the disk is full", "磁盘已满"),
        errno.EISDIR: tr("it is a folder", "是一个目录"),
    }
    why = plain.get(error.errno or 0) or reason(error)
    return DiskError(tr(f"{place}: cannot be written ({why}).", f"{place}：无法写入（{why}）。"))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[io.BufferedWriter]:
    """Bytes to `path`; a regular file takes its name when the block ends well and stays as it was when it does not.

    Symlinks are followed, mode and owner are kept; a file of several names (hard links) stays one, and is written over at the end. Raises DiskError for the file alone, never for what the block does besides.
    """
    if not _is_regular(path):
        with _closing(io.BufferedWriter(_direct(path))) as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    temporary = _temporary(target)
    try:
        with _closing(io.BufferedWriter(_begun(temporary, target, path))) as file:
            yield file
        _put(temporary, target, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_text(path: Path) -> Iterator[io.TextIOBase]:
    """The same for UTF-8 text. Lone surrogates are written as `\\udXXX`, which JSON reads."""
    with writing(path) as raw:
        file = io.TextIOWrapper(raw, "utf-8", "backslashreplace", newline="\n")
        try:
            yield file
            file.flush()
        finally:
            with contextlib.suppress(ValueError, DiskError):  # what failed has been raised already
                file.detach()


def write_text(path: Path, text: str) -> None:
    with atomic_text(path) as file:
        file.write(text)


def mend_standard_streams() -> None:
    """For a command's whole process: characters that an encoding lacks are replaced, a full disk is a DiskError.

    Streams that somebody has put in Python's place (a test, a notebook) stay as they are; one that the shell has closed is made.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (it stays open)
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            stream.flush()
            raw = (
                _Silent(number, "wb", False)
                if number == 2
                else Raw(number, tr("standard output", "标准输出"), closefd=False)
            )
            buffer = raw if isinstance(stream.buffer, io.RawIOBase) else io.BufferedWriter(raw)
            mended = io.TextIOWrapper(
                buffer,
                stream.encoding,
                "replace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, mended)


def forget_standard_output() -> None:
    """What could not be written is dropped: Python would complain of it once more at its exit."""
    try:
        sys.stdout.flush()
    except (OSError, DiskError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def json_text(value, stream: io.TextIOBase | TextIO | None = None, indent: int | None = None) -> str:
    """JSON for `stream` (None: standard output): in ASCII where it cannot hold every character, so that nothing is lost."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return json.dumps(value, ensure_ascii=codecs.lookup(encoding).name != "utf-8", indent=indent)


def check(path: Path) -> None:
    """Raises DiskError where `writing` could not begin: to be asked before work that takes long. Opens no device."""
    if _is_regular(path):
        target = Path(os.path.realpath(path))
        temporary = _temporary(target)
        _begun(temporary, target, path).close()
        temporary.unlink()
    elif path.is_dir():
        raise cannot_write(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))


def _temporary(target: Path) -> Path:
    """`target` may be as long as names can be; two runs at once, or two threads, must not meet."""
    return target.with_name(f".{target.name[:40]}{PARTIAL}{os.getpid()}-{uuid.uuid4().hex[:8]}")


def _is_regular(path: Path) -> bool:
    """Whether `path` is, or would become, a regular file that can be replaced by name. Raises DiskError."""
    if _descriptor(path) is not None:
        return False
    try:
        folder = os.path.dirname(os.path.realpath(path))
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(folder, os.W_OK | os.X_OK)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise cannot_write(path, error) from None


def _descriptor(path: Path) -> int | None:
    """The number of an open file that `path` stands for: opened by name it would begin anew, or not open at all."""
    name = os.path.abspath(path)
    found = _DESCRIPTOR.fullmatch(name)
    return (
        int(found[1]) if found and found[0].split("/")[2] in ("fd", "self", str(os.getpid())) else _STANDARD.get(name)
    )


def _direct(path: Path) -> Raw:
    number = _descriptor(path)
    try:
        file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC) if number is None else os.dup(number)
        return Raw(file, path)
    except OSError as error:
        raise cannot_write(path, error) from None


def _begun(temporary: Path, target: Path, path: Path) -> Raw:
    """The new file, with mode and owner of the one that it is to replace. What may not be written may not be replaced."""
    try:
        with contextlib.suppress(FileNotFoundError):
            if not os.access(target, os.W_OK):
                os.stat(target)
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        file = Raw(temporary, path, "xb")
    except OSError as error:
        raise cannot_write(path, error) from None
    with contextlib.suppress(OSError):
        old = os.stat(target)
        with contextlib.suppress(OSError):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
    return file


def _put(temporary: Path, target: Path, path: Path) -> None:
    try:
        if _has_other_names(target):
            shutil.copyfile(temporary, target)
            return
        try:
            temporary.replace(target)
        except OSError as error:
            if error.errno not in _NO_RENAME or not target.is_file():
                raise
            shutil.copyfile(temporary, target)
    except OSError as error:
        raise cannot_write(path, error) from None


def _has_other_names(target: Path) -> bool:
    """A rename would leave the old content under the others, without a word."""
    return target.is_file() and target.stat().st_nlink > 1


@contextlib.contextmanager
def _closing(file: io.BufferedWriter) -> Iterator[io.BufferedWriter]:
    """Closed in the end; where the block failed, what could not be flushed is not told a second time."""
    try:
        yield file
        file.close()
    except BaseException:
        with contextlib.suppress(OSError, DiskError):
            file.close()
        raise
