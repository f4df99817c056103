"""Several machines from one command: DeepSpeed's own launcher goes there by pdsh or ssh. Nothing is written here that it does."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.launch import hosts
from zhinao.launch.layout import PORT, Wish
from zhinao.launch.program import Program


def command(hostfile: Path, wish: Wish, program: Program) -> tuple[str, ...]:
    """The command line of DeepSpeed's launcher for this program on the hosts of the file."""
    words = [sys.executable, "-m", "deepspeed.launcher.runner", "--hostfile", str(hostfile)]
    words += ["--master_port", str(wish.master_port or PORT), "--no_local_rank"]
    for flag, value in (
        ("--num_nodes", wish.num_nodes),
        ("--num_gpus", wish.num_gpus),
        ("--master_addr", wish.master_addr),
    ):
        words += [flag, str(value)] if value is not None else []
    if len(wish.hosts) == 1 or wish.num_nodes == 1:
        words.append("--force_multi")  # a single machine, which is not this one
    start = program.start[2:]  # without `python -u`, which DeepSpeed puts there
    return (*words, *(("--module", *start[1:]) if start[0] == "-m" else start), *program.arguments)


def run(hostfile: Path, wish: Wish, program: Program) -> int:
    """Start it and wait. Ctrl-C goes to DeepSpeed's launcher, which ends its processes.

    Raises UsageError where there is no pdsh, MissingExtraError where there is no DeepSpeed.
    """
    if not shutil.which("pdsh"):
        names = ", ".join(host.name for host in wish.hosts)
        raise UsageError(
            tr(
                f"{hostfile} names other machines ({names}); to reach them from here, pdsh must be installed.",
                f"{hostfile} 中有其他机器（{names}）；要从本机启动它们，需要安装 pdsh。",
            ),
            tr(
                "or start the same command on each machine with --no_ssh --node_rank 0, 1, …",
                "或在每台机器上用同样的命令加 --no_ssh --node_rank 0、1、… 启动",
            ),
        )
    _need_deepspeed()
    with _as_deepspeed_reads_it(hostfile) as file:
        return subprocess.run(command(file, wish, program), env=os.environ.copy()).returncode


@contextlib.contextmanager
def _as_deepspeed_reads_it(hostfile: Path) -> Iterator[Path]:
    """The hostfile, with all its hosts, in the one form that DeepSpeed knows."""
    with tempfile.TemporaryDirectory(prefix="zhinao-") as folder:
        file = Path(folder) / "hostfile"
        file.write_text("".join(f"{host}\n" for host in hosts.read(hostfile)), encoding="utf-8")
        yield file


def _need_deepspeed() -> None:
    from importlib.util import find_spec

    if find_spec("deepspeed") is None:
        raise MissingExtraError("deepspeed", "train")
