"""`zhinao launch`: starts a training verb in many processes, on this machine or as this machine's part of several."""

import argparse
import shlex
import sys
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import counted, tr
from zhinao.launch import hosts as launch_hosts
from zhinao.launch import layout as launch_layout
from zhinao.launch import program as launch_program
from zhinao.launch.layout import Asked, Layout
from zhinao.launch.program import Program
from zhinao.launch.words import translated
from zhinao.train import claim
from zhinao.train.loop.lasting import lasting_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="PROGRAM …",
        help=translated("finetune, pretrain or prefer, or a file.py, and its own flags"),
    )

    def add(name: str, **more):
        parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")), **more)

    add(
        "hostfile",
        metavar="FILE",
        help=translated("machines, one `name slots=8` a line; only this machine in it: nothing is needed to reach it"),
    )
    add(
        "num_nodes",
        type=int,
        metavar="N",
        help=translated("machines (default: all of the hostfile)"),
    )
    add(
        "num_gpus",
        type=int,
        metavar="N",
        help=translated("processes on each machine (default: its GPUs; one without)"),
    )
    add("node_rank", type=int, metavar="R", help=translated("which machine this is, from 0"))
    add("master_addr", metavar="ADDRESS", help=translated("where machine 0 is"))
    add(
        "master_port",
        type=int,
        metavar="PORT",
        help=translated("its port (default 29500; on one machine any that is free)"),
    )
    add(
        "no_ssh",
        action="store_true",
        help=translated("start only this machine's part"),
    )
    add(
        "module",
        action="store_true",
        help=translated("PROGRAM is a Python module, as `zhinao.train.sft`"),
    )
    add(
        "log_dir",
        metavar="DIR",
        help=translated("logs of the processes (default: logs/ in output_dir)"),
    )
    parser.add_argument(
        "--print-command",
        "--print_command",
        action="store_true",
        help=translated("print what would be run, and leave"),
    )


def run(args: argparse.Namespace) -> int:
    """Start the processes and wait for them. Returns their exit code. Raises UsageError, DiskError, MissingExtraError."""
    for name in ("num_nodes", "num_gpus", "master_port"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise UsageError(tr(f"--{name} is {value}; at least 1.", f"--{name} 为 {value}，至少为 1。"))
    if args.print_command:  # the words are the work: they may fail
        return _run(args)
    with lasting_output():
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    program = launch_program.of(args.program, args.module)
    _print(program.note)
    asked = _asked(args)
    if launch_layout.needs_others(asked):
        if args.print_command:
            print(shlex.join(launch_program.remote_command(Path(args.hostfile), asked, program)))
            return 0
        return launch_program.run_remotely(Path(args.hostfile), asked, program)
    layout = launch_layout.plan(asked)
    if args.print_command:
        print(_described(layout, program))
        return 0
    launch_layout.check_here(layout)
    return _run_here(layout, program, args.log_dir)


def _asked(args: argparse.Namespace) -> Asked:
    hosts = None
    if args.hostfile and Path(args.hostfile).exists():
        hosts = tuple(launch_hosts.read(Path(args.hostfile)))
    elif args.hostfile:
        _print(
            tr(
                f"{args.hostfile}: there is no such file; only this machine is used.",
                f"{args.hostfile}：没有这个文件，只使用本机。",
            )
        )
    return Asked(hosts, args.num_nodes, args.num_gpus, args.node_rank, args.master_addr, args.master_port, args.no_ssh)


def _run_here(layout: Layout, program: Program, log_dir: str | None) -> int:
    from zhinao.launch.group import Group

    logs = Path(log_dir) if log_dir else (program.output_dir or Path(".")) / "logs"
    last = layout.first_rank + layout.num_local - 1
    ranks = f"{layout.first_rank}" if last == layout.first_rank else f"{layout.first_rank} to {last}"
    _print(
        tr(
            f"{counted(layout.num_local, 'process', 'processes')} (rank {ranks}) "
            f"of {sum(layout.num_processes)}; logs: {logs}/rank-N.log",
            f"启动 {layout.num_local} 个进程（rank {layout.first_rank} 到 {last}，共 {sum(layout.num_processes)} 个）；"
            f"日志：{logs}/rank-N.log",
        )
    )
    with claim.claimed(logs, f"{claim.FILE}-{layout.node_rank}"):  # else the logs of a running group would be emptied
        return Group(program.argv, layout, logs).run()


def _described(layout: Layout, program: Program) -> str:
    """The same as a command line of torchrun, which starts the processes in the same way."""
    words = ["torchrun", "--nnodes", str(len(layout.num_processes)), "--nproc-per-node", str(layout.num_local)]
    if not layout.is_alone:
        words += ["--node-rank", str(layout.node_rank)]
    words += ["--master-addr", layout.master_addr, "--master-port", str(layout.master_port)]
    return shlex.join([*words, *program.argv[2:]])


def _print(sentence: str | None) -> None:
    if sentence:
        print(f"zhinao: {sentence}", file=sys.stderr)
