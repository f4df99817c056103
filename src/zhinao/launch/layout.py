"""How many processes stand on which machine, and where they meet. Decides; starts nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from zhinao import machine
from zhinao.errors import UsageError
from zhinao.lang import counted, tr
from zhinao.launch import hosts as launch_hosts
from zhinao.launch.hosts import Host

PORT = 29500


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; None: nothing. `hosts`: of the hostfile, None without one."""

    hosts: tuple[Host, ...] | None = None
    num_nodes: int | None = None
    num_gpus: int | None = None
    node_rank: int | None = None
    master_addr: str | None = None
    master_port: int | None = None
    no_ssh: bool = False


@dataclass(frozen=True)
class Layout:
    """`num_processes[r]`: processes on machine r; this one is `node_rank`."""

    num_processes: tuple[int, ...]
    node_rank: int
    master_addr: str
    master_port: int

    @property
    def num_local(self) -> int:
        return self.num_processes[self.node_rank]

    @property
    def first_rank(self) -> int:
        return sum(self.num_processes[: self.node_rank])

    @property
    def is_alone(self) -> bool:
        return len(self.num_processes) == 1

    def environment(self, local_rank: int) -> dict[str, str]:
        """The variables that torch.distributed reads (`env://`), as torchrun sets them."""
        return {
            "RANK": str(self.first_rank + local_rank),
            "LOCAL_RANK": str(local_rank),
            "WORLD_SIZE": str(sum(self.num_processes)),
            "LOCAL_WORLD_SIZE": str(self.num_local),
            "GROUP_RANK": str(self.node_rank),
            "MASTER_ADDR": self.master_addr,
            "MASTER_PORT": str(self.master_port),
        }


def chosen_hosts(asked: Asked) -> tuple[Host, ...] | None:
    """The hosts that take part: the first `num_nodes` of the hostfile. Raises UsageError where it has fewer."""
    if asked.hosts is None or asked.num_nodes is None:
        return asked.hosts
    if not 1 <= asked.num_nodes <= len(asked.hosts):
        raise UsageError(
            tr(
                f"--num_nodes is {asked.num_nodes}; the hostfile has {len(asked.hosts)}.",
                f"--num_nodes 为 {asked.num_nodes}，hostfile 中有 {len(asked.hosts)} 台。",
            )
        )
    return asked.hosts[: asked.num_nodes]


def needs_others(asked: Asked) -> bool:
    """Whether other machines must be reached from here: more than this one is named, and not each is started by hand."""
    hosts = chosen_hosts(asked)
    if hosts is None or asked.no_ssh or asked.node_rank is not None:
        return False
    return len(hosts) > 1 or any(not launch_hosts.is_here(host.name) for host in hosts)


def plan(asked: Asked) -> Layout:
    """The layout of the processes that are started on this machine. Raises UsageError for what does not go together.

    Whether this machine is ready for them is `check_here`'s: a command that is only printed need not run here and now.
    """
    hosts = chosen_hosts(asked)
    num_nodes = len(hosts) if hosts else asked.num_nodes or 1
    node_rank = _node_rank(asked, hosts, num_nodes)
    if hosts:
        counts = tuple(_count(host.num_slots, asked.num_gpus, host.name) for host in hosts)
    else:
        counts = (asked.num_gpus or max(1, launch_hosts.num_gpus()),) * num_nodes
    port = machine.free_port() if asked.master_port is None and num_nodes == 1 else asked.master_port or PORT
    return Layout(counts, node_rank, _address(asked, hosts, num_nodes), port)


def check_here(layout: Layout) -> None:
    """Raises UsageError where this machine cannot start its part now: too few GPUs, or a port that is taken."""
    _check_gpus(layout.num_local)
    if layout.node_rank == 0 and not launch_hosts.is_free(layout.master_port):
        port = layout.master_port
        raise UsageError(
            tr(f"Port {port} is taken on this machine.", f"本机端口 {port} 已被占用。"), f"--master_port {port + 1}"
        )


def _address(asked: Asked, hosts: Sequence[Host] | None, num_nodes: int) -> str:
    """Where all processes meet: an address that means machine 0 on every machine."""
    if asked.master_addr:
        return launch_hosts.bare(asked.master_addr)
    if num_nodes == 1:
        return "127.0.0.1"
    if not hosts:
        raise UsageError(tr("Where machine 0 is must be said.", "必须指定 0 号机器的地址。"), "--master_addr 10.0.0.1")
    if hosts[0].name in launch_hosts.LOOPBACK:
        raise UsageError(
            tr(
                f"The hostfile begins with {hosts[0].name}, which is another machine on each machine.",
                f"hostfile 以 {hosts[0].name} 开头，它在每台机器上指的都是那台机器自己。",
            ),
            tr(
                "write the address that the others reach it by, or --master_addr 10.0.0.1",
                "请写其他机器能访问到的地址，或加 --master_addr 10.0.0.1",
            ),
        )
    return hosts[0].name


def _count(num_slots: int, num_gpus: int | None, name: str) -> int:
    if num_gpus is not None and num_gpus > num_slots:
        raise UsageError(
            tr(
                f"--num_gpus is {num_gpus}; the hostfile gives {name} {num_slots}.",
                f"--num_gpus 为 {num_gpus}，而 hostfile 中 {name} 只有 {num_slots}。",
            )
        )
    return num_gpus or num_slots


def _check_gpus(num_wanted: int) -> None:
    """Processes without a GPU of their own are meant only where there is none at all."""
    num_there = launch_hosts.num_gpus()
    if num_there and num_wanted > num_there:
        raise UsageError(
            tr(
                f"{num_wanted} processes were asked for; this machine shows {counted(num_there, 'GPU')}.",
                f"要求 {num_wanted} 个进程，而本机只有 {num_there} 个可见 GPU。",
            ),
            f"--num_gpus {num_there}",
        )


def _node_rank(asked: Asked, hosts: Sequence[Host] | None, num_nodes: int) -> int:
    if asked.node_rank is None:
        if num_nodes == 1:
            return 0
        here = [n for n, host in enumerate(hosts or ()) if launch_hosts.is_here(host.name)]
        if len(here) == 1:
            return here[0]
        raise UsageError(
            tr("Which of the machines this is must be said.", "必须指定本机是第几台机器。"), "--node_rank 0"
        )
    if not 0 <= asked.node_rank < num_nodes:
        raise UsageError(
            tr(
                f"--node_rank is {asked.node_rank}, of {counted(num_nodes, 'machine')}, counted from 0.",
                f"--node_rank 为 {asked.node_rank}，共有 {num_nodes} 台机器（从 0 数起）。",
            )
        )
    return asked.node_rank


def threads(layout: Layout) -> int:
    """Threads of each process, so that all together use the machine once."""
    return max(1, machine.num_cores() // layout.num_local)
