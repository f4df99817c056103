"""What strangers' files may say: names of files that stay in their folder, JSON of a bounded size and depth.

Everything that comes from a hub, from a folder that somebody handed over, or from inside a model file is read through here.
Knows no formats. Limits on processes stand in `limited.py`.
"""

import json
import re
import stat
from pathlib import Path

from zhinao.files import human_size
from zhinao.lang import tr

_MAX_NAME_BYTES = 240  # of one part: file systems hold 255, and a download adds to it
_MAX_PARTS = 8
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\]')  # also no drive, no stream of NTFS
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)
MAX_JSON_BYTES = 2**28  # the largest tokenizer.json are of some 35 MB


def leaves(name) -> bool:
    """Whether `name`, taken as a path in a folder, could mean something outside of it on any system; True for what is no name."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name or name.startswith(("/", "~")):
        return True
    return re.match(r"[A-Za-z]:", name) is not None or ".." in name.split("/")


def is_plain(name) -> bool:
    """Whether `name` is a relative path that every file system takes as it is written: short, no reserved word, no odd character."""
    if leaves(name):
        return False
    parts = name.split("/")
    return len(parts) <= _MAX_PARTS and all(_is_plain_part(part) for part in parts)


def _is_plain_part(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    is_bare = part == part.strip() and not part.endswith(".") and part not in ("", ".")
    return is_bare and size <= _MAX_NAME_BYTES and not _NOT_IN_NAMES.search(part) and not _RESERVED.fullmatch(part)


def shown(name, most: int = 120) -> str:
    """A stranger's word for a sentence: printable and short."""
    text = str(name)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= most else f"{text[: most * 2 // 3]}…{text[-(most // 4) :]}"


def parse_json(text: str | bytes):
    """`json.loads`, with a ValueError also for what nests too deeply, which would be a RecursionError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(tr("it nests too deeply", "嵌套过深")) from None


class NotRegular(OSError):
    """Of a pipe, a socket or a device, whose opening may wait for ever and whose end need not come."""

    def __init__(self):
        super().__init__(tr("not a regular file", "不是普通文件"))  # no number: the system has none for it
        self.strerror = self.args[0]


def check_regular(file: Path) -> int:
    """Bytes of a file that is to be opened. Raises NotRegular, and OSError where it cannot be looked at. A folder is told by opening it."""
    found = file.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise NotRegular
    return found.st_size


def read_json(file: Path, max_bytes: int = MAX_JSON_BYTES):
    """The JSON value in a file. Raises OSError (NotRegular for a pipe), and ValueError for what is no UTF-8, no JSON, too large or too deep."""
    size = check_regular(file)
    if size > max_bytes:
        raise ValueError(tr(f"{human_size(size)} are too much for it", f"{human_size(size)}，过大"))
    return parse_json(file.read_text(encoding="utf-8"))
