"""A folder belongs to one run at a time: a locked file in it for as long as the run lives, and who holds it. Waits for nobody.

The lock is the kernel's (flock): it ends with the process that holds it, however that ends, and a leftover file means nothing.
On NFS it holds among all machines, on file systems without locks (some Lustre mounts) it does not exist, which is said.
"""

import contextlib
import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from zhinao.errors import DiskError, UsageError
from zhinao.lang import tr
from zhinao.oserrors import reason

FILE = ".running"
_TAKEN = (errno.EAGAIN, errno.EACCES)
_UNKNOWN = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


@contextlib.contextmanager
def claimed(folder: str | Path, name: str = FILE) -> Iterator[None]:
    """Hold `folder`, made where it is missing, until the block ends. Raises UsageError naming who holds it already, DiskError
    where it cannot be written."""
    file = Path(folder) / name
    made = _make(file.parent)
    descriptor = _locked(file)
    # A child that was forked would keep the lock of a run that is dead.
    at_fork = _Closer(descriptor)
    try:
        _write(descriptor)
        yield
    finally:
        at_fork.is_on = False
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)  # while it is still ours
        os.close(descriptor)
        for one in made:  # the folders that nothing was put into
            with contextlib.suppress(OSError):
                one.rmdir()


class _Closer:
    """Closes a descriptor in children that are forked while `is_on`."""

    def __init__(self, descriptor: int):
        self.is_on, self._descriptor = True, descriptor
        os.register_at_fork(after_in_child=self._close)

    def _close(self) -> None:
        if self.is_on:
            self.is_on = False
            with contextlib.suppress(OSError):
                os.close(self._descriptor)


def _make(folder: Path) -> list[Path]:
    """The folders that had to be made, the innermost first."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return made


def _locked(file: Path) -> int:
    """The locked file; anew where it was removed by the one who held it meanwhile."""
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(file.parent, error) from None
        try:
            _lock(descriptor, file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), file.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, file: Path) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(file) from None
        if error.errno not in _UNKNOWN:
            raise _unwritable(file.parent, error) from None
        print(
            tr(
                f"zhinao: {file.parent}: this file system knows no locks; nothing keeps a second run out of it.",
                f"zhinao：{file.parent}：该文件系统不支持锁，无法防止另一次运行同时写入。",
            ),
            file=sys.stderr,
        )


def _write(descriptor: int) -> None:
    """Who holds it; that it cannot be written (a full disk) is found elsewhere."""
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)


def _taken(file: Path) -> UsageError:
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        since = holder["since"].replace("T", " ")[:16] + " UTC"
        who = tr(
            f"process {holder['pid']} on {holder['host']}, since {since}",
            f"{holder['host']} 上的进程 {holder['pid']}，自 {since} 起",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # it has only just begun
        who = tr("another process", "另一个进程")
    return UsageError(
        tr(
            f"{file.parent}: another run is writing there ({who}).", f"{file.parent}：另一次运行正在其中写入（{who}）。"
        ),
        tr("wait for its end, or choose another --output_dir", "请等它结束，或换一个 --output_dir"),
    )


def _unwritable(folder: Path, error: OSError) -> DiskError:
    why = reason(error)
    return DiskError(tr(f"{folder}: cannot be written ({why}).", f"{folder}：无法写入（{why}）。"))
