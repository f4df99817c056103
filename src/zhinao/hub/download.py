"""One file over HTTP: continued after a kill, retried when the line breaks, size and hash checked before it gets its name.

Knows no hub. The bytes gather in `<name>.<hash start>.part` beside the target, so that a later run goes on from there.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from zhinao.errors import DiskError, DownloadError
from zhinao.files import human_size
from zhinao.hub import http
from zhinao.lang import tr
from zhinao.oserrors import reason

_DELAYS = (0.5, 1, 2, 4)  # seconds between attempts that brought nothing
_BLOCK = 2**18


@dataclass(frozen=True)
class Expected:
    """What is known of a file beforehand. `git_sha1` is git's: over `blob <size>`, a zero byte and the content."""

    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def is_sane(self) -> bool:
        """Whether what a hub says can be a size and hashes at all."""
        is_size = self.size is None or (type(self.size) is int and 0 <= self.size < 2**63)
        return is_size and _is_hex(self.sha256, 64) and _is_hex(self.git_sha1, 40)

    @property
    def hexdigest(self) -> str | None:
        return self.sha256 or (self.git_sha1 if self.size is not None else None)

    def digest(self):
        """A fresh hash object of the strongest kind known, or None."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size}\0".encode()) if self.hexdigest else None


def _is_hex(digest, length: int) -> bool:
    return not digest or (isinstance(digest, str) and re.fullmatch(f"[0-9a-fA-F]{{{length}}}", digest) is not None)


class _Part:
    """The unfinished file: its bytes, and the hash over them as they come. Tells `on_bytes` what it gains and loses."""

    def __init__(self, file, expected: Expected, on_bytes: Callable[[int], None]):
        self.file, self.expected, self.on_bytes = file, expected, on_bytes
        self.size = expected.size  # else learnt from the server
        self.have, self.digest = 0, expected.digest()
        file.seek(0)
        while block := file.read(_BLOCK):
            self._count(block)
        if self.is_too_long:
            self.restart()

    @property
    def is_whole(self) -> bool:
        return self.size is not None and self.have >= self.size

    @property
    def is_too_long(self) -> bool:
        return self.size is not None and self.have > self.size

    @property
    def is_good(self) -> bool:
        return self.have == self.size and (not self.digest or self.digest.hexdigest() == self.expected.hexdigest)

    def append(self, block: bytes) -> None:
        self.file.write(block)
        self._count(block)

    def _count(self, block: bytes) -> None:
        self.have += len(block)
        if self.digest:
            self.digest.update(block)
        self.on_bytes(len(block))

    def restart(self) -> None:
        self.on_bytes(-self.have)
        self.file.truncate(0)
        self.have, self.digest = 0, self.expected.digest()


def part_path(target: Path, expected: Expected) -> Path:
    return target.with_name(f"{target.name}.{(expected.hexdigest or 'unchecked')[:12]}.part")


def download(
    locate: Callable[[], tuple[str, dict]],
    target: Path,
    expected: Expected,
    on_bytes: Callable[[int], None] = lambda count: None,
    label: str | None = None,
) -> None:
    """Fetch one file to `target`. What lies there from an earlier run is checked, and used where it is good.

    `locate` gives address and headers and is asked before every attempt. `on_bytes` is called with every number of bytes
    gained, those of an earlier run too; negative when they are dropped. `label` names the file in errors.
    Raises DownloadError (RefusedError where the server says no) and DiskError.
    """
    label, path = label or target.name, part_path(target, expected)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.replace(path)
        with path.open("a+b") as file:
            part = _Part(file, expected, on_bytes)
            had_some = part.have > 0
            _fill(locate, part, label)
            if had_some and not part.is_good:  # the bytes of the earlier run may be the bad ones
                part.restart()
                _fill(locate, part, label)
            file.flush()
            os.fsync(file.fileno())
        _check(part, path, label)
        path.replace(target)
    except OSError as error:
        raise DiskError(
            tr(f"{target}: cannot be written ({reason(error)}).", f"{target}：无法写入（{reason(error)}）。")
        ) from None


def _fill(locate, part: _Part, name: str) -> None:
    """Attempts until the part is whole. Gives up after several that brought nothing."""
    failures = 0
    while not part.is_whole:
        before = part.have
        problem = _attempt(locate, part, name)
        if part.is_whole:
            return
        failures = 0 if part.have > before else failures + 1
        if failures > len(_DELAYS):
            raise _broken(name, part, problem)
        time.sleep(_DELAYS[max(failures - 1, 0)])


def _attempt(locate, part: _Part, name: str) -> str:
    """One request, for the bytes that are missing. Returns what went wrong, if the part is not whole after it."""
    try:
        url, headers = locate()
        if part.have:
            headers = {**headers, "Range": f"bytes={part.have}-"}
        response = http.open_url(url, headers, name)
    except http.RefusedError as error:
        if not (part.have and error.status == 416):
            raise
        part.restart()  # the server's file is shorter than what is here
        return str(error.message)
    except http.TEMPORARY as error:
        return http.reason(error)
    with response:
        if part.have and not response.headers.get("Content-Range", "").startswith(f"bytes {part.have}-"):
            part.restart()  # this server cannot continue
        if part.size is None and (length := response.headers.get("Content-Length")):
            part.size = part.have + int(length)
        while True:
            try:
                block = response.read1(_BLOCK)
            except (HTTPException, OSError) as error:
                return http.reason(error)
            if not block:
                break
            part.append(block)
            if part.is_too_long:  # it need not be read to its end, which may never come
                break
    if part.size is None:
        part.size = part.have  # a server that tells no length: what came is all
    return tr("the connection was closed", "连接被关闭")


def _broken(name: str, part: _Part, problem: str) -> DownloadError:
    have, size = human_size(part.have), human_size(part.size) if part.size else "?"
    return DownloadError(
        tr(
            f"{name}: the download stopped at {have} of {size} ({problem}).",
            f"{name}：下载在 {have} / {size} 处中断（{problem}）。",
        ),
        tr(
            "the part is kept: run the same command again and it goes on from there",
            "已下载的部分已保留，重新运行同一命令即可继续",
        ),
    )


def _check(part: _Part, path: Path, name: str) -> None:
    """Throw the file away and raise unless length and hash are those that were announced."""
    if part.is_good:
        return
    if part.have != part.size:
        problem = tr(f"{part.have} bytes came, {part.size} were announced", f"收到 {part.have} 字节，应为 {part.size}")
    else:
        assert part.digest and part.expected.hexdigest  # of the right size, and yet not good
        found, wanted = part.digest.hexdigest()[:16], part.expected.hexdigest[:16]
        problem = tr(f"its hash is {found}…, announced was {wanted}…", f"哈希为 {found}…，应为 {wanted}…")
    path.unlink()
    raise DownloadError(
        tr(
            f"{name}: not what the server announced, and thrown away: {problem}.",
            f"{name}：与服务器声明不符，已丢弃：{problem}。",
        ),
        tr(
            "run the same command again; if it stays so, try another source or network",
            "请重新运行同一命令；若仍如此，请换一个来源或网络",
        ),
    )
