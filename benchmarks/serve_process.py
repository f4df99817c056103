"""A server as a process: started, waited for, watched, paused and stopped. Touches only processes that it started itself."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
from serve_client import Server

from zhinao import machine

POLL_SECONDS = 0.02


class Tree:
    """A process and all below it: processor time and peak memory."""

    def __init__(self, pid: int):
        self.root = psutil.Process(pid)

    def processes(self) -> list[psutil.Process]:
        return [self.root, *self.root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all, with that of children that have ended."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """Memory as the kernel counts it, added up over the processes; `VmHWM` gives the peak of each."""
        return sum(_status_kb(process.pid, field) * 1024 for process in self.processes())

    def signal(self, number: int) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def _status_kb(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        if found := re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1])
    return 0


class ServerProcess:
    """A server started by `words`, in which `{port}` stands for a free port. Its output goes to `log`."""

    def __init__(self, words: list[str], log: Path, env: dict[str, str] | None = None):
        port = machine.free_port()
        self.url, self.log = f"http://127.0.0.1:{port}", log
        self.started = time.perf_counter()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [word.replace("{port}", str(port)) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self.tree = Tree(self.process.pid)

    async def wait(self, body: dict, timeout: float) -> float:
        """Seconds from the start of the process to the first streamed token of an answer to `body`.

        Ends the program, with the server's last words, where none comes.
        """
        server = Server(self.url)
        while time.perf_counter() - self.started < timeout and self.process.poll() is None:
            answer = await server.ask("/v1/chat/completions", body, timeout=timeout)
            if answer.status == 200:
                for moment, data in answer.events():
                    if has_text(data):
                        return moment - self.started
            await asyncio.sleep(POLL_SECONDS)
        last_words = self.log.read_text(errors="replace")[-2000:]
        await asyncio.to_thread(self.stop)
        raise SystemExit(f"no answer from the server; the end of {self.log}:\n{last_words}")

    def pause(self) -> None:
        self.tree.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.tree.signal(signal.SIGCONT)

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM, then SIGKILL for what is left of the tree. May be called twice."""
        with contextlib.suppress(psutil.NoSuchProcess):
            processes = self.tree.processes()
            self.go_on()
            self.process.terminate()
            _, left = psutil.wait_procs(processes, timeout=timeout)
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()


def has_text(data: str) -> bool:
    """Whether a chunk carries text of thought or answer. Cheap: called for every chunk."""
    return bool(re.search(r'"(?:content|reasoning_content|reasoning|text)":\s*"[^"]', data))
