"""Runs generated programs behind walls: `run_tests`, and which walls stand on this machine.

The program and its tests are two processes (`inside/child.py`). The tests call the program over a pipe and tell the verdict over
another one that the program does not have, so no exit code, no printed marker and no patched assert makes a pass.
Linux only; elsewhere a UsageError.
"""

import contextlib
import functools
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.score.code.inside import wire

PASSED, FAILED, ERROR, TIMEOUT, DIED = "passed", "failed", "error", "timeout", "died"
MEMORY = 2**30
_CHILD = Path(__file__).with_name("inside") / "child.py"
# One thread for numpy's libraries, which else reserve more addresses than a program may have.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
NO_WALLS = 77  # the exit code of a process that could not build them
_OUTPUT_BYTES = 2**14
MOST_THREADS, MOST_DISK_BYTES, MOST_FILES = 64, 2**26, 4096
_LOOK_SECONDS = 0.02
_START_SECONDS = 20  # two interpreters on a machine that is busy with other things


@dataclass(frozen=True)
class Ran:
    """`outcome`: PASSED, FAILED (a test does not hold), ERROR (it raises), TIMEOUT, DIED (the process ended).

    `output`: what the program printed, the first 16 KiB. `detail`: the exception, one line. `walls`: what stood around it.
    """

    outcome: str
    output: str = ""
    detail: str = ""
    seconds: float = 0.0
    walls: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        return self.outcome == PASSED


def run_tests(
    program: str,
    tests: str = "",
    *,
    tested: tuple[str, ...] = (),
    seconds: float = 3,
    memory: int = MEMORY,
    without: tuple[str, ...] = (),
) -> Ran:
    """Runs `program`, then `tests` (Python with asserts, which call what the program defines), in processes of their own.

    `seconds` by the clock, once both have started; `memory` in bytes of addresses. `tested`: names that the
    tests are about, which alone may stand in place of Python's own. `without`: walls to leave out, for tests.
    Raises UsageError where the walls that must stand do not.
    """
    _check_machine()
    with _folder() as folder, contextlib.ExitStack() as stack:
        pipes = {name: _Pipe() for name in ("calls", "answers", "told")}
        for pipe in pipes.values():
            stack.callback(pipe.close)
        output = stack.enter_context(open(os.path.join(folder, ".output"), "w+b"))
        common = {
            "folder": os.path.join(folder, "work"),
            "seconds": int(seconds) + 2,
            "memory": memory,
            "without": without,
        }
        ends = {"calls": pipes["calls"].read, "answers": pipes["answers"].write}
        first = _started(stack, {**common, **ends, "role": "program", "text": program}, output.fileno())
        ends = {"calls": pipes["calls"].write, "answers": pipes["answers"].read, "told": pipes["told"].write}
        second = _started(
            stack, {**common, **ends, "role": "tests", "text": tests, "tested": tested}, subprocess.DEVNULL
        )
        pipes["calls"].close()  # the processes have theirs
        pipes["answers"].close()
        pipes["told"].close_write()
        ran = _verdict(pipes["told"].read, first, second, seconds, lambda: _excess(first.pid, common["folder"]))
        output.seek(0)
        text = output.read(_OUTPUT_BYTES).decode(errors="replace")
    return Ran(ran.outcome, text, ran.detail, ran.seconds, ran.walls)


@functools.cache
def walls() -> tuple[str, ...]:
    """The names of the walls that stand here, in order; () where generated code cannot be run."""
    try:
        return run_tests("", seconds=5).walls
    except UsageError:
        return ()


def _check_machine() -> None:
    if not sys.platform.startswith("linux"):
        raise UsageError(
            tr("Generated code is run on Linux only.", "生成的代码只能在 Linux 上运行。"),
            tr("use Linux, WSL or a container", "请使用 Linux、WSL 或容器"),
        )


@contextlib.contextmanager
def _folder():
    """For one run; the program may write in `work` below it."""
    folder = tempfile.mkdtemp(prefix="zhinao-code-")
    try:
        os.mkdir(os.path.join(folder, "work"))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(stack: contextlib.ExitStack, task: dict, output) -> subprocess.Popen:
    task = {
        **task,
        "path": _path(),
        "readable": [*_path(), "/usr/lib", "/lib", "/lib64", "/dev/null", "/dev/urandom", "/etc/ld.so.cache"],
    }
    passed = [task[name] for name in ("calls", "answers", "told") if name in task]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-u", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output != subprocess.DEVNULL else output,
        env=_ENVIRONMENT,
        pass_fds=passed,
        start_new_session=True,
    )
    stack.callback(_ended, process)
    with contextlib.suppress(wire.Closed):  # it has ended at once, and the verdict says so
        wire.send(process.stdin.fileno(), task)
    return process


def _verdict(told: int, first: subprocess.Popen, second: subprocess.Popen, seconds: float, excess) -> Ran:
    """The tests' process says when both stand behind their walls, then how it went."""
    began = time.monotonic()
    try:
        stand = tuple(_said(told, _START_SECONDS)["walls"])
        began = time.monotonic()
        said = _said(told, seconds, excess)
    except _TooMuch as error:
        return Ran(DIED, detail=str(error), seconds=time.monotonic() - began, walls=stand)
    except TimeoutError:
        return Ran(TIMEOUT, seconds=time.monotonic() - began)
    except wire.Closed:
        return _without_verdict(first, second, time.monotonic() - began)
    return Ran(said["outcome"], detail=said["detail"], seconds=time.monotonic() - began, walls=stand)


class _TooMuch(Exception):
    """What no limit of the system counts: files in sum, threads."""


def _said(told: int, seconds: float, excess=lambda: "") -> dict:
    end = time.monotonic() + seconds
    while not select.select([told], [], [], max(0, min(_LOOK_SECONDS, end - time.monotonic())))[0]:
        if found := excess():
            raise _TooMuch(found)
        if time.monotonic() >= end:
            raise TimeoutError
    return wire.receive(told)


def _excess(pid: int, folder: str) -> str:
    """What the program has too much of, "" where nothing."""
    if (count := _num_threads(pid)) > MOST_THREADS:
        return f"{count} threads, more than {MOST_THREADS}"
    size = 0
    for count, entry in enumerate(_entries(folder), 1):
        with contextlib.suppress(OSError):  # gone while we look
            size += entry.stat(follow_symlinks=False).st_size
        if size > MOST_DISK_BYTES or count > MOST_FILES:
            return f"more than {MOST_DISK_BYTES >> 20} MiB or {MOST_FILES} files"
    return ""


def _num_threads(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[17])
    except (OSError, IndexError):
        return 0


def _entries(folder: str):
    """All below `folder`."""
    folders = [folder]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _without_verdict(first: subprocess.Popen, second: subprocess.Popen, seconds: float) -> Ran:
    for process in (first, second):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    if NO_WALLS in (first.poll(), second.poll()):
        raise UsageError(
            tr(
                "The walls for generated code do not stand on this machine (no seccomp).",
                "本机无法建立运行生成代码所需的隔离（缺少 seccomp）。",
            )
        )
    return Ran(DIED, detail=f"exit code {first.poll()}", seconds=seconds)


def _ended(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    with contextlib.suppress(OSError):
        process.stdin.close()


class _Pipe:
    """Each end is closed once: another thread may have its number the moment after."""

    def __init__(self):
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def close_write(self) -> None:
        self._close(self.write)

    def close(self) -> None:
        self._close(self.read)
        self._close(self.write)

    def _close(self, number: int) -> None:
        if number in self._open:
            self._open.remove(number)
            os.close(number)


@functools.cache
def _path() -> list[str]:
    """The standard library and installed packages: what a program may import, and all that it may read."""
    standard = os.path.dirname(os.__file__)
    found = [standard, os.path.join(standard, "lib-dynload"), *(one for one in sys.path if "site-packages" in one)]
    return [one for one in dict.fromkeys(found) if os.path.isdir(one)]
