"""What each process of a launched run is: a training verb of `zhinao`, a module, or a script of the user's own.

On several machines from one command DeepSpeed's own launcher starts it, by pdsh or ssh; nothing is written here that it does.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao import config
from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr
from zhinao.launch import hosts
from zhinao.launch.layout import PORT, Asked

VERBS = ("finetune", "pretrain", "prefer")


@dataclass(frozen=True)
class Program:
    """`start`: the words before the program's own (`python -m …`); `module`: its name where it is one; `arguments`: its own words."""

    start: tuple[str, ...]
    arguments: tuple[str, ...]
    module: str | None = None
    note: str | None = None

    @property
    def argv(self) -> tuple[str, ...]:
        return self.start + self.arguments

    @property
    def output_dir(self) -> Path | None:
        """Where the program will write, by its own flag or its YAML file; None where that is not said."""
        for n, word in enumerate(self.arguments):
            name, sign, value = word.partition("=")
            if name in ("--output_dir", "--output-dir"):
                return Path(value) if sign else Path(self.arguments[n + 1]) if n + 1 < len(self.arguments) else None
        recipes = [Path(word) for word in self.arguments if word.endswith((".yaml", ".yml"))]
        given = config.read_yaml(recipes[0]).get("output_dir") if recipes and recipes[0].is_file() else None
        return Path(str(given)) if given else None  # what is no text is the verb's to refuse


def of(words: Sequence[str], is_module: bool = False) -> Program:
    """The program that `words` name: `finetune …`, with `is_module` a module's name, or a file that ends with `.py`.

    The plain word `finetune.py`, as in the publisher's script, is `zhinao finetune`. Raises UsageError for anything else.
    """
    words = list(words[1:] if words[:1] == ["--"] else words)
    if not words:
        raise UsageError(
            tr("There is nothing to start.", "没有要启动的程序。"),
            "zhinao launch --num_gpus 8 -- finetune recipe.yaml",
        )
    first, rest = words[0], tuple(words[1:])
    python = (sys.executable, "-u")
    if is_module:
        return Program((*python, "-m", first), rest, module=first)
    if first in VERBS or first == "finetune.py":
        note = None
        if first == "finetune.py":
            first = "finetune"
            note = tr(
                "finetune.py is taken as `zhinao finetune`; a file of your own is ./finetune.py.",
                "finetune.py 视为 `zhinao finetune`；自己的文件请写作 ./finetune.py。",
            )
        return Program((*python, "-m", "zhinao", first), rest, note=note)
    if first.endswith(".py"):
        if not Path(first).is_file():
            raise UsageError(tr(f"{first}: there is no such file.", f"{first}：没有这个文件。"))
        return Program((*python, first), rest)
    raise UsageError(
        tr(f"{first!r} cannot be started in many processes.", f"{first!r} 不能以多进程启动。"),
        config.suggestion(first, VERBS)
        or tr(f"{', '.join(VERBS)}, a file.py, or --module NAME", f"{', '.join(VERBS)}、file.py 或 --module NAME"),
    )


def remote_command(hostfile: Path, asked: Asked, program: Program) -> tuple[str, ...]:
    """The command line of DeepSpeed's launcher for this program on the hosts of the file."""
    words = [sys.executable, "-m", "deepspeed.launcher.runner", "--hostfile", str(hostfile)]
    words += ["--master_port", str(asked.master_port or PORT), "--no_local_rank"]
    for flag, value in (
        ("--num_nodes", asked.num_nodes),
        ("--num_gpus", asked.num_gpus),
        ("--master_addr", asked.master_addr),
    ):
        words += [flag, str(value)] if value is not None else []
    if len(asked.hosts or ()) == 1 or asked.num_nodes == 1:
        words.append("--force_multi")  # a single machine, which is not this one
    start = program.start[2:]  # without `python -u`, which DeepSpeed puts there
    return (*words, *(("--module", *start[1:]) if start[0] == "-m" else start), *program.arguments)


def run_remotely(hostfile: Path, asked: Asked, program: Program) -> int:
    """Start it and wait. Ctrl-C goes to DeepSpeed's launcher, which ends its processes.

    Raises UsageError where there is no pdsh, MissingExtraError where there is no DeepSpeed.
    """
    if not shutil.which("pdsh"):
        names = ", ".join(host.name for host in asked.hosts or ())
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
        return subprocess.run(remote_command(file, asked, program), env=os.environ.copy()).returncode


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
