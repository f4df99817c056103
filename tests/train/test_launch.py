"""`zhinao launch`: who is started where, what is said about it, and how processes end. The programs started are small scripts."""

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from zhinao import cli
from zhinao.errors import UsageError
from zhinao.launch import hosts as launch_hosts
from zhinao.launch import layout as launch_layout
from zhinao.launch import program
from zhinao.launch.hosts import Host
from zhinao.launch.layout import Asked
from zhinao.launch.output import tail

ROOT = Path(__file__).parents[2]
HERE = Host("localhost", 2)
FAR = Host("node-far.invalid", 8)


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    monkeypatch.setattr(launch_hosts, "num_gpus", lambda: 0)


# --- hostfile


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("localhost slots=2\nnode-b 8\n", "line 2: 'node-b 8' is no host"),
        ("a slots=1\n\n# c\na slots=2\n", "line 4: a stands there twice"),
        ("a slots=0\n", "line 1: 'a slots=0' is no host"),
        ("# nothing\n", "there is no host in it"),
        (b"\xff\xfe", "it is not text"),
        ("a slots=1\nnode-b\n", "line 2: 'node-b' is no host"),  # MPI would take one process, DeepSpeed none
        ("root@a slots=1\nadmin@a slots=2\n", "line 2: a stands there twice"),
        ("a slots=1\na:2\n", "line 2: a stands there twice"),
        ("@a slots=1\n", "line 1: '@a slots=1' is no host"),
        ("root@ slots=1\n", "line 1: 'root@ slots=1' is no host"),
        ("a@b@c slots=1\n", "is no host"),
        ("fe80::1:2\n", "is no host"),  # an address, or an address and two slots
        ("a slots=two\n", "is no host"),
        ("a:b slots=2\n", "is no host"),
        ("a slots=2 max_slots=4\n", "is no host"),
        ("\r\n\r\na slots=-1\r\n", "line 3: 'a slots=-1' is no host"),
    ],
)
def test_bad_hostfiles(tmp_path, text, sentence):
    file = tmp_path / "hostfile"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as error:
        launch_hosts.read(file)
    assert sentence in str(error.value) and str(file) in str(error.value) and "slots=8" in str(error.value)


def test_hostfile(tmp_path):
    file = tmp_path / "hostfile"
    file.write_text("# all\nnode-1   slots=8 # the first\n\nnode-2\tslots=4\n")
    assert launch_hosts.read(file) == [Host("node-1", 8), Host("node-2", 4)]


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("root@192.0.2.10 slots=2", Host("192.0.2.10", 2, "root")),
        ("li.hua@node-1 slots=8  # first", Host("node-1", 8, "li.hua")),
        ("node-1 slots = 2", Host("node-1", 2)),
        ("node-1\t slots=\t2", Host("node-1", 2)),
        ("node-1:2", Host("node-1", 2)),
        ("root@node-1:2", Host("node-1", 2, "root")),
        ("fe80::1 slots=2", Host("fe80::1", 2)),
        ("root@[2001:db8::7] slots=2", Host("2001:db8::7", 2, "root")),
        ("[2001:db8::7]:2", Host("2001:db8::7", 2)),
        ("node-1 slots=2\r", Host("node-1", 2)),
        ("\ufeffnode-1 slots=2", Host("node-1", 2)),
    ],
)
def test_lines_of_hostfiles(tmp_path, line, host):
    file = tmp_path / "hostfile"
    file.write_bytes(f"{line}\n\n".encode())
    assert launch_hosts.read(file) == [host]
    file.write_text(f"{host}\n")  # as DeepSpeed gets it
    assert launch_hosts.read(file) == [host]


def test_the_user_belongs_to_ssh_and_the_address_to_the_rendezvous(tmp_path):
    hosts = (Host("192.0.2.10", 2, "root"), Host("192.0.2.11", 2, "root"))
    assert launch_layout.plan(Asked(hosts, node_rank=1)).master_addr == "192.0.2.10"
    assert launch_layout.plan(Asked(hosts, node_rank=1, master_addr="root@192.0.2.10")).master_addr == "192.0.2.10"
    assert not launch_layout.needs_others(Asked((Host("127.0.0.1", 2, "root"),)))
    runner = pytest.importorskip("deepspeed.launcher.runner")
    file = tmp_path / "hostfile"
    file.write_bytes(b"\xef\xbb\xbf# two\r\nroot@192.0.2.10:2\r\nroot@192.0.2.11 slots = 2\r\n")
    with program._as_deepspeed_reads_it(file) as made:
        assert runner.fetch_hostfile(str(made)) == {"root@192.0.2.10": 2, "root@192.0.2.11": 2}


def test_this_machine_is_known_by_its_names():
    for name in ("localhost", "127.0.0.1", "127.0.0.2", "::1", socket.gethostname()):
        assert launch_hosts.is_here(name), name
    for name in ("192.0.2.1", "node-far.invalid"):  # an address for documents, a name that is none
        assert not launch_hosts.is_here(name), name


# --- layout


def test_ranks_of_the_second_machine():
    layout = launch_layout.plan(Asked((Host("a", 2), Host("b", 3)), node_rank=1, master_port=1234))
    assert layout.environment(2) == {
        "RANK": "4",
        "LOCAL_RANK": "2",
        "WORLD_SIZE": "5",
        "LOCAL_WORLD_SIZE": "3",
        "GROUP_RANK": "1",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1234",
    }


@pytest.mark.parametrize(
    ("asked", "counts", "node_rank", "address"),
    [
        (Asked(), (1,), 0, "127.0.0.1"),
        (Asked(num_gpus=2), (2,), 0, "127.0.0.1"),
        (Asked((HERE,)), (2,), 0, "127.0.0.1"),
        (Asked((HERE, FAR), num_nodes=1), (2,), 0, "127.0.0.1"),
        (Asked((HERE, FAR), num_gpus=1, no_ssh=True, master_addr="10.0.0.1"), (1, 1), 0, "10.0.0.1"),
        (Asked((FAR, HERE), no_ssh=True), (8, 2), 1, "node-far.invalid"),
        (Asked(num_nodes=3, num_gpus=4, node_rank=2, master_addr="10.0.0.1"), (4, 4, 4), 2, "10.0.0.1"),
    ],
)
def test_layouts(asked, counts, node_rank, address):
    assert not launch_layout.needs_others(asked)
    layout = launch_layout.plan(asked)
    assert (layout.num_processes, layout.node_rank, layout.master_addr) == (counts, node_rank, address)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Asked((HERE,), num_gpus=3), "the hostfile gives localhost 2"),
        (Asked((HERE, FAR), no_ssh=True), "--master_addr"),  # each would wait for itself
        (Asked((HERE, FAR), node_rank=1), "begins with localhost"),
        (Asked((HERE,), num_nodes=2), "the hostfile has 1"),
        (Asked(num_nodes=2), "--node_rank 0"),
        (Asked(num_nodes=2, node_rank=2, master_addr="a"), "counted from 0"),
        (Asked(num_nodes=2, node_rank=0), "--master_addr"),
    ],
)
def test_layouts_that_cannot_be(asked, sentence):
    with pytest.raises(UsageError) as error:
        launch_layout.plan(asked)
    assert sentence in str(error.value)


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(launch_hosts, "num_gpus", lambda: 4)
    assert launch_layout.plan(Asked()).num_processes == (4,)
    with pytest.raises(UsageError, match="shows 4 GPUs"):
        launch_layout.check_here(launch_layout.plan(Asked(num_gpus=8)))


def test_visible_gpus(monkeypatch):
    monkeypatch.undo()
    for text, number in (("", 0), ("-1", 0), ("0", 1), ("2,3", 2)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert launch_hosts.num_gpus() == number


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as error:
            launch_layout.check_here(launch_layout.plan(Asked(master_port=port)))
        assert f"Port {port} is taken" in str(error.value) and f"--master_port {port + 1}" in str(error.value)


def test_a_command_that_is_only_printed_needs_neither_a_port_nor_gpus(monkeypatch, capsys):
    monkeypatch.setattr(launch_hosts, "num_gpus", lambda: 2)
    with socket.create_server(("", 0)) as taken:
        words = f"launch --num_gpus 8 --master_port {taken.getsockname()[1]}"
        assert cli.main([*words.split(), "--print-command", "finetune", "a.yaml"]) == 0
        assert "--nproc-per-node 8" in capsys.readouterr().out
        assert cli.main([*words.split(), "finetune", "a.yaml"]) == 2
        assert "shows 2 GPUs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "is_far"), [(Asked((HERE, FAR)), True), (Asked((FAR,)), True), (Asked((HERE,)), False)]
)
def test_other_machines_go_by_deepspeed(asked, is_far):
    assert launch_layout.needs_others(asked) is is_far


# --- the program


def test_programs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    python = (sys.executable, "-u")
    assert program.of(["--", "finetune", "a.yaml"]).argv == (*python, "-m", "zhinao", "finetune", "a.yaml")
    assert program.of(["zhinao.train.sft", "-x"], is_module=True).argv == (
        *python,
        "-m",
        "zhinao.train.sft",
        "-x",
    )
    (tmp_path / "finetune.py").write_text("")
    named = program.of(["finetune.py", "--report_to", "tensorboard"])
    assert named.argv == (*python, "-m", "zhinao", "finetune", "--report_to", "tensorboard")
    assert "./finetune.py" in named.note
    assert program.of(["./finetune.py"]).argv == (*python, "./finetune.py")
    for words, sentence in (
        ([], "nothing to start"),
        (["chat"], "many processes"),
        (["fintune"], "mean finetune"),
        (["my.py"], "no such file"),
    ):
        with pytest.raises(UsageError, match=sentence):
            program.of(words)


def test_where_logs_go(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("output_dir: out\n")
    assert program.of(["finetune", "--output_dir", "a"]).output_dir == Path("a")
    assert program.of(["finetune", "--output-dir=b", str(recipe)]).output_dir == Path("b")
    assert program.of(["finetune", str(recipe)]).output_dir == Path("out")
    assert program.of(["finetune"]).output_dir is None


def test_the_publishers_line_with_another_program_name(tmp_path, monkeypatch, capsys):
    """README of the publisher: only `deepspeed` is replaced, and there is no hostfile."""
    monkeypatch.chdir(tmp_path)
    line = "launch --hostfile hostfile --master_port 29511 --num_nodes 1 --num_gpus 8 --print-command finetune.py"
    assert cli.main([*line.split(), "--report_to", "tensorboard", "--is_concat", "False"]) == 0
    seen = capsys.readouterr()
    assert seen.out.strip() == (
        "torchrun --nnodes 1 --nproc-per-node 8 --master-addr 127.0.0.1 --master-port 29511 "
        "-m zhinao finetune --report_to tensorboard --is_concat False"
    )
    assert "hostfile: there is no such file; only this machine is used" in seen.err


def test_other_machines_need_pdsh(tmp_path, monkeypatch, capsys):
    hostfile = tmp_path / "hostfile"
    hostfile.write_text("localhost slots=2\nnode-far.invalid slots=2\n")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli.main(["launch", "--hostfile", str(hostfile), "finetune", "x.yaml"]) == 2
    assert "pdsh must be installed" in (seen := capsys.readouterr().err) and "--no_ssh --node_rank" in seen


def test_deepspeeds_launcher_takes_our_line(tmp_path):
    """Its own parser reads what we would give it."""
    runner = pytest.importorskip("deepspeed.launcher.runner")
    asked = Asked((HERE, FAR), num_nodes=2, num_gpus=2, master_addr="a", master_port=29512)
    made = program.remote_command(tmp_path / "h", asked, program.of(["finetune", "r.yaml", "--seed", "1"]))
    args = runner.parse_args(list(made[3:]))
    assert (args.module, args.user_script, args.user_args) == (True, "zhinao", ["finetune", "r.yaml", "--seed", "1"])
    assert (args.num_nodes, args.num_gpus, args.master_addr, args.master_port) == (2, 2, "a", 29512)
    alone = program.remote_command(tmp_path / "h", Asked((FAR,)), program.of(["pretrain"]))
    assert runner.parse_args(list(alone[3:])).force_multi


# --- processes

WORKER = """
import os, signal, subprocess, sys, time
rank, what = int(os.environ["RANK"]), sys.argv[1]
print("rank", rank, "of", os.environ["WORLD_SIZE"], os.environ["OMP_NUM_THREADS"], sys.stderr.isatty(), flush=True)
if what == "die" and rank == 1:
    print("the reason", file=sys.stderr)
    sys.exit(17)
if what == "killed" and rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if what == "all" :
    print("said by", rank, file=sys.stderr)
    sys.exit(5)
if what.endswith("stop"):
    print("ready", flush=True)
    while not os.path.exists(what):
        time.sleep(0.02)
    print("more", flush=True)
    sys.exit(0)
if what in ("save", "hang", "die", "killed"):
    asked = []
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) if what == "hang" else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: asked.append(number))
    print("ready", child and child.pid, flush=True)
    while not asked or what == "hang":
        time.sleep(0.02)
    time.sleep(0.5)
    print("saved", rank, asked, flush=True)
    sys.exit(128 + asked[0])
"""


@pytest.fixture
def start(tmp_path):
    """Starts `zhinao launch` with two processes of WORKER; ends what is left of it."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    running = []

    def start(what: str, **more) -> subprocess.Popen:
        words = ["-m", "zhinao", "launch", "--num_gpus", "2", "--log_dir", str(tmp_path / "logs"), str(script), what]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("OMP_NUM_THREADS", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        running.append(subprocess.Popen([sys.executable, *words], env=environment, **pipes))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()


def logs(folder: Path) -> list[str]:
    return [(folder / "logs" / f"rank-{rank}.log").read_text() for rank in (0, 1)]


def wait_for(condition, seconds: float = 20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def wait_ready(folder: Path):
    files = [folder / "logs" / f"rank-{rank}.log" for rank in (0, 1)]
    wait_for(lambda: all(file.exists() and "ready" in file.read_text() for file in files))


def test_each_rank_has_a_log_and_rank_0_is_shown(start, tmp_path):
    out, error = (one := start("go")).communicate(timeout=30)
    assert one.returncode == 0, error
    assert out == logs(tmp_path)[0] and "logs: " in error
    assert [log.split()[:4] for log in logs(tmp_path)] == [["rank", str(rank), "of", "2"] for rank in (0, 1)]


def test_a_process_that_dies_ends_all_with_its_code(start, tmp_path):
    _, error = (one := start("die")).communicate(timeout=30)
    assert one.returncode == 17
    assert "rank 1 ended with code 17" in error and "| the reason" in error and "rank-1.log" in error
    assert "saved 0" in logs(tmp_path)[0]


def test_a_process_that_is_killed(start):
    _, error = (one := start("killed")).communicate(timeout=30)
    assert one.returncode == 128 + signal.SIGKILL
    assert "rank 1 was killed by SIGKILL" in error


def test_an_error_of_all_is_shown_once(start):
    out, error = (one := start("all")).communicate(timeout=30)
    assert one.returncode == 5
    assert (out + error).count("said by") == 1 and "rank 0 ended with code 5" in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_all_save(start, tmp_path, number):
    one = start("save")
    wait_ready(tmp_path)
    one.send_signal(number)
    one.communicate(timeout=30)
    given = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
    assert one.returncode == 128 + given
    assert [
        f"saved {rank} [<Signals.{given.name}: {given}>]" in log for rank, log in enumerate(logs(tmp_path))
    ] or logs(tmp_path)
    assert all("saved" in log for log in logs(tmp_path))


def pids(folder: Path) -> list[int]:
    return [int(log.split("ready ")[1].split()[0]) for log in logs(folder)]


def test_a_second_signal_ends_all_and_what_they_started(start, tmp_path):
    one = start("hang")
    wait_ready(tmp_path)
    children = [child.pid for child in psutil.Process(one.pid).children(recursive=True)]
    assert set(pids(tmp_path)) < set(children)
    one.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert one.poll() is None
    one.send_signal(signal.SIGINT)
    one.communicate(timeout=30)
    assert one.returncode == 128 + signal.SIGKILL
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in children))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's notice of a parent's death is Linux's")
def test_no_orphans_when_the_launcher_is_killed(start, tmp_path):
    one = start("save")
    wait_ready(tmp_path)
    children = psutil.Process(one.pid).children()
    one.kill()
    wait_for(lambda: all("saved" in log for log in logs(tmp_path)))
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_nohup_means_what_it_says(start, tmp_path):
    """The terminal's end reaches the launcher alone: the processes have a session of their own."""
    one = start(str(tmp_path / "stop"), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_ready(tmp_path)
    for process in psutil.Process(one.pid).children():
        process.send_signal(signal.SIGHUP)
    one.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    (tmp_path / "stop").touch()
    _, error = one.communicate(timeout=30)
    assert one.returncode == 0, error
    assert all("more" in log for log in logs(tmp_path))


def test_a_terminal_that_closes_ends_nothing(start, tmp_path):
    """As after `setsid` or `disown`: no signal comes, but the terminal can be neither written to nor asked for its size."""
    ours, theirs = pty.openpty()
    one = start(str(tmp_path / "stop"), stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    wait_ready(tmp_path)
    os.close(ours)
    time.sleep(0.5)
    (tmp_path / "stop").touch()
    assert one.wait(timeout=30) == 0
    assert all("more" in log for log in logs(tmp_path))


def test_a_second_group_does_not_empty_the_logs_of_a_running_one(start, tmp_path):
    one = start(str(tmp_path / "stop"))
    wait_ready(tmp_path)
    before = logs(tmp_path)
    _, error = (other := start("go")).communicate(timeout=30)
    assert other.returncode == 2 and "another run is writing there" in error and str(one.pid) in error
    assert logs(tmp_path) == before
    (tmp_path / "stop").touch()
    assert one.wait(timeout=30) == 0


def test_rank_0_believes_in_the_terminal(start, tmp_path):
    ours, theirs = pty.openpty()
    one = start("go", stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen = b""
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal
        while data := os.read(ours, 4096):
            screen += data
    assert one.wait(timeout=30) == 0
    os.close(ours)
    assert [log.split()[5] for log in logs(tmp_path)] == ["True", "False"]
    assert b"rank 0 of 2" in screen and b"rank 1 of" not in screen


def test_tail_shows_the_last_state_of_a_progress_bar(tmp_path):
    log = tmp_path / "log"
    log.write_text("first\n10%\r50%\r100%\r\n\nlast\n")
    assert tail(log) == ["first", "100%", "last"]
    assert tail(log, 1) == ["last"]


def test_recipes_are_shell_scripts():
    for name in ("slurm.sbatch", "torchrun.sh"):
        subprocess.run(["bash", "-n", ROOT / "recipes" / "launch" / name], check=True)
    assert len(launch_hosts.read(ROOT / "recipes" / "launch" / "hostfile.example")) == 2
