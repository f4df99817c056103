"""Machines of a run: the hostfile (`name slots=8`, one a line), and which of them is this one. Starts nothing.

A name may have the user before it whom ssh logs in as (`root@192.0.2.10 slots=8`); processes meet at the address alone. MPI's
form, `name:8`, is read too. IPv6 addresses stand as they are, or in brackets.
"""

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from zhinao import machine
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.oserrors import reason


@dataclass(frozen=True)
class Host:
    """A machine, and how many processes (GPUs) it takes. `name`: a name or address; `user`: whom ssh logs in as there."""

    name: str
    num_slots: int
    user: str | None = None

    def __str__(self) -> str:
        """As a line of a hostfile."""
        return f"{self.user}@{self.name} slots={self.num_slots}" if self.user else f"{self.name} slots={self.num_slots}"


_LINE = re.compile(
    r"(?:(?P<user>[^\s@]+)@)?(?P<name>\[[^\s@\]]+\]|[^\s@]+?)(?:\s+slots\s*=\s*|:(?=\d+$))(?P<slots>\d+)"
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read(file: Path) -> list[Host]:
    """The hosts of an existing hostfile, in its order. Raises UsageError with the line that is none."""
    hosts = {}
    for number, line in enumerate(_lines(file), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        host = _host(line)
        if host is None:
            raise _bad(file, number, tr(f"{line!r} is no host.", f"{line!r} 不是主机描述。"))
        if host.name in hosts:
            raise _bad(file, number, tr(f"{host.name} stands there twice.", f"{host.name} 重复出现。"))
        hosts[host.name] = host
    if not hosts:
        raise _bad(file, None, tr("there is no host in it.", "文件中没有主机。"))
    return list(hosts.values())


def _host(line: str) -> Host | None:
    found = _LINE.fullmatch(line)
    if not found or not int(found["slots"]):
        return None
    name, is_bracketed = bare(found["name"]), found["name"].startswith("[")
    is_mpi = "=" not in line
    if ":" in name and ((is_mpi and not is_bracketed) or not _is_ipv6(name)):
        return None  # where an address ends and slots begin cannot be told
    return Host(name, int(found["slots"]), found["user"])


def bare(address: str) -> str:
    """An address without user and brackets: what sockets take."""
    return address.rpartition("@")[2].removeprefix("[").removesuffix("]")


def _is_ipv6(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).version == 6
    except ValueError:
        return False


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else tr("it is not text", "不是文本")
        raise _bad(file, None, tr(f"cannot be read ({why}).", f"无法读取（{why}）。")) from None


def _bad(file: Path, line: int | None, sentence: str) -> UsageError:
    place = tr(f"{file}, line {line}", f"{file} 第 {line} 行") if line else str(file)
    return UsageError(f"{place}: {sentence}", tr("a line is: node-1 slots=8", "每行格式：node-1 slots=8"))


def is_here(name: str) -> bool:
    """Whether `name` is this machine: an address that can be bound is one of its own."""
    if name in (*LOOPBACK, socket.gethostname()):
        return True
    try:
        found = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_can_bind(family, address) for family, _, _, _, address in found)


def _can_bind(family: int, address: tuple) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        try:
            one.bind(address)
        except OSError:
            return False
        return True


def num_gpus() -> int:
    """GPUs that processes started here may use. No torch: the launcher stays small."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    return len(machine.nvidia_gpus())


def is_free(port: int) -> bool:
    """Whether a server can be opened on the port of this machine."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("", port))
        except OSError:
            return False
        return True
