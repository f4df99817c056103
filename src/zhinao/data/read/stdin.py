"""Standard input put aside in a temporary file, so that it can be hashed first and read afterwards, like any other file."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zhinao.data.read.sources import STDIN
from zhinao.errors import DiskError
from zhinao.files import home
from zhinao.lang import tr
from zhinao.oserrors import reason


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
