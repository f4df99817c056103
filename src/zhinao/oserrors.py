"""Why the system refused, in the reader's language: an OSError's number as words. And what may have been meant."""

import errno
import os
import socket
from pathlib import Path

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.near import near

# The English is the system's own; Chinese it has under a Chinese locale alone, and `--lang zh` needs none.
_CHINESE = {
    errno.EPERM: "不允许此操作",
    errno.ENOENT: "没有这个文件或目录",
    errno.EIO: "读写出错",
    errno.EACCES: "没有权限",
    errno.EBUSY: "正被占用",
    errno.EEXIST: "已存在",
    errno.EXDEV: "在另一个文件系统上",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.EISDIR: "是一个目录",
    errno.EINVAL: "参数无效",
    errno.EMFILE: "打开的文件过多",
    errno.ENFILE: "系统打开的文件过多",
    errno.EFBIG: "文件过大",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "超出磁盘配额",
    errno.EROFS: "文件系统只读",
    errno.ENAMETOOLONG: "文件名过长",
    errno.ELOOP: "符号链接层数过多",
    errno.ESTALE: "网络文件系统的文件已失效",
    errno.EPIPE: "管道另一端已关闭",
    errno.ENOMEM: "内存不足",
    errno.EADDRINUSE: "地址已被占用",
    errno.EADDRNOTAVAIL: "本机没有这个地址",
    errno.EAFNOSUPPORT: "本机不支持这种地址",
    errno.ENETUNREACH: "网络不可达",
    errno.EHOSTUNREACH: "主机不可达",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ECONNRESET: "连接被对方断开",
    errno.ECONNABORTED: "连接中断",
    errno.ETIMEDOUT: "连接超时",
}


def reason(error: OSError) -> str:
    """A few words, without the number and without the address that Python adds; the error's own where no table has them."""
    if isinstance(error, socket.gaierror):
        return tr(error.strerror or str(error), "找不到这个主机名")
    if isinstance(error, TimeoutError) and error.errno is None:
        return tr("timed out", "超时")
    number = error.errno
    if number not in _CHINESE:
        return str(error.strerror or error)
    return tr(os.strerror(number), _CHINESE[number])


def cannot_read(file: Path, error: OSError) -> CheckpointError:
    """For a file of a model."""
    return CheckpointError(tr(f"{file}: cannot be read ({reason(error)}).", f"{file}：无法读取（{reason(error)}）。"))


def next_step(file: Path, error: Exception) -> str | None:
    """What to look at where a file that was named is not there; None for another error."""
    if not isinstance(error, FileNotFoundError):
        return None
    here = tr(f"looked for from {Path.cwd()}", f"当前目录是 {Path.cwd()}")
    return near_path(file) or (here if not file.is_absolute() else None)


def near_path(path: Path) -> str | None:
    """A name in the same folder that may have been meant."""
    try:
        found = near(path.name, [other.name for other in path.parent.iterdir()])
    except OSError:
        return None
    return tr(f"did you mean {path.parent / found[0]}?", f"是否指 {path.parent / found[0]}？") if found else None
