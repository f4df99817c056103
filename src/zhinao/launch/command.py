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
from zhinao.train import claim
from zhinao.train.loop.lasting import lasting_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="PROGRAM …",
        help=tr(
            "finetune, pretrain or prefer, or a file.py, and its own flags",
            "finetune、pretrain、prefer 或 file.py 及其参数",
        ),
    )

    def add(name: str, **more):
        parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")), **more)

    add(
        "hostfile",
        metavar="FILE",
        help=tr(
            "machines, one `name slots=8` a line; only this machine in it: nothing is needed to reach it",
            "机器列表，每行 `名称 slots=8`；只有本机时无需 ssh",
        ),
    )
    add(
        "num_nodes",
        type=int,
        metavar="N",
        help=tr("machines (default: all of the hostfile)", "机器数（默认为 hostfile 全部）"),
    )
    add(
        "num_gpus",
        type=int,
        metavar="N",
        help=tr(
            "processes on each machine (default: its GPUs; one without)",
            "每台机器的进程数（默认为 GPU 数，无 GPU 时为 1）",
        ),
    )
    add("node_rank", type=int, metavar="R", help=tr("which machine this is, from 0", "本机是第几台（从 0 数起）"))
    add("master_addr", metavar="ADDRESS", help=tr("where machine 0 is", "0 号机器的地址"))
    add(
        "master_port",
        type=int,
        metavar="PORT",
        help=tr(
            "its port (default 29500; on one machine any that is free)", "端口（默认 29500；单机时自动选空闲端口）"
        ),
    )
    add(
        "no_ssh",
        action="store_true",
        help=tr("start only this machine's part", "只启动本机部分，在每台机器上各执行一次"),
    )
    add(
        "module",
        action="store_true",
        help=tr("PROGRAM is a Python module, as `zhinao.train.sft`", "PROGRAM 为 Python 模块，如 `zhinao.train.sft`"),
    )
    add(
        "log_dir",
        metavar="DIR",
        help=tr("logs of the processes (default: logs/ in output_dir)", "日志目录（默认为 output_dir 下的 logs/）"),
    )
    parser.add_argument(
        "--print-command",
        "--print_command",
        action="store_true",
        help=tr("print what would be run, and leave", "只打印将要执行的命令"),
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
