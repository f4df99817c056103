"""A process of its own for what a stranger's file makes a library do: with limits of the operating system, and no secrets.

One request goes in, one answer comes out; whoever passes a limit ends the process, and the next request starts another.
The process that asks uses `Limited`, the one that is asked calls `serve`. Knows nothing of what is done there.
"""

import contextlib
import os
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

_HEAD, _LENGTH = struct.Struct("<QdQ"), struct.Struct("<Q")  # length, seconds, bytes of memory; length
_WALL_SECONDS = 30  # beyond the computing time: a machine may be busy with other things
_BLOCK = 2**20
# What Python needs to start, and what a text may show. Keys and tokens of the user stay out.
_PASSED_ON = (
    *(
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    ),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "VIRTUAL_ENV", "ZHINAO_LANG"),
)


class Limited:
    """The process of one module, which calls `serve`. May be used by several threads; they take turns.

    It starts with the first request and stays until this process ends; one that was forked from this starts its own.
    """

    def __init__(self, module: str):
        self._module = module
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None

    def ask(self, request: bytes, seconds: float, num_bytes: int, max_answer: int) -> bytes | None:
        """The answer; None where more than so many seconds of computing, bytes of memory or bytes of answer were wanted."""
        with self._lock:
            self._process = self._process or self._start()
            answer = self._exchange(_HEAD.pack(len(request), seconds, num_bytes) + request, seconds, max_answer)
            if answer is None:
                self._kill()
            return answer

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
        assert process.stdin and process.stdout
        _widen(process.stdin.fileno(), process.stdout.fileno())
        return process

    def _exchange(self, message: bytes, seconds: float, max_answer: int) -> bytes | None:
        assert self._process and self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # reading then finds the end
            view = memoryview(message)
            while view:
                view = view[self._process.stdin.write(view) :]
        wall = seconds + _WALL_SECONDS
        head = self._read(_LENGTH.size, wall)
        length = _LENGTH.unpack(head)[0] if head else max_answer + 1
        return self._read(length, wall) if length <= max_answer else None

    def _read(self, count: int, wall: float) -> bytes | None:
        assert self._process and self._process.stdout
        blocks = []
        while count:
            if not select.select([self._process.stdout], [], [], wall)[0]:
                return None
            block = self._process.stdout.read(min(count, _BLOCK))
            if not block:
                return None
            blocks.append(block)
            count -= len(block)
        return b"".join(blocks)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                pipe.close()


def _widen(*pipes: int) -> None:
    """Pipes of Linux hold 64 kB, which is many turns for a long conversation."""
    import fcntl

    for pipe in pipes:
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _BLOCK)


def serve(answer: Callable[[bytes], bytes]) -> None:
    """For the process that is asked: answer until nobody asks any more. Called when all that is needed has been imported."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    _lower("RLIMIT_CORE", 0)
    _lower("RLIMIT_FSIZE", 0)
    while head := requests.read(_HEAD.size):
        length, seconds, num_bytes = _HEAD.unpack(head)
        request = requests.read(length)
        _limit(seconds, num_bytes)
        found = answer(request)
        _limit(0, num_bytes)
        answers.write(_LENGTH.pack(len(found)) + found)
        answers.flush()


def _limit(seconds: float, num_bytes: int) -> None:
    """Of computing time by a timer whose signal ends the process, whatever library it is in; 0 takes it away."""
    import signal

    signal.setitimer(signal.ITIMER_PROF, seconds)
    if seconds:
        _lower("RLIMIT_AS", _num_bytes_mapped() + num_bytes)


def _lower(name: str, value: int) -> None:
    import resource

    what = getattr(resource, name)
    hard = resource.getrlimit(what)[1]
    with contextlib.suppress(ValueError, OSError):  # a system without this limit
        resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _num_bytes_mapped() -> int:
    import resource

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 2**36  # not Linux: the timer alone must do
