"""The processes of this machine: started, logged, watched and ended together. What they compute is their own business.

They are started as torchrun would (`env://`), with what it lacks: the exit code of the one that failed, rank 0's terminal,
and as long as saving takes after Ctrl-C. No torch is imported here.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import DiskError
from zhinao.lang import tr
from zhinao.launch import layout as launch_layout
from zhinao.launch.layout import Layout
from zhinao.launch.output import Output, tail
from zhinao.oserrors import reason
from zhinao.signals import Repeats

_TICK = 0.1  # seconds between looks at the processes
_SETTLE = 2.0  # after one has failed: others may have failed of the same cause
_GRACE = 15.0  # after SIGTERM to the others: they wait for a process that is gone, and cannot save
_GOOD = (None, 0, 130, 143)  # running, done, or ended as a signal asked for
_PR_SET_PDEATHSIG = 1


@dataclass
class Member:
    rank: int
    process: subprocess.Popen
    log: Path


class Group:
    """Runs `argv` once for each local rank of `layout`, with a log for each in `logs`. Rank 0 of this machine also shows its
    output here, and believes to be on a terminal where this process is."""

    def __init__(self, argv: Sequence[str], layout: Layout, logs: Path):
        self._argv, self._layout, self._logs = list(argv), layout, logs
        self._members: list[Member] = []
        self._output: Output | None = None
        self._num_signals, self._repeats = 0, Repeats()

    def run(self) -> int:
        """Until all have ended. Returns 0, or the exit code of the process that failed first (128 + n for signal n)."""
        self._make_logs()
        before = {number: signal.signal(number, self._on_signal) for number in _signals()}
        try:
            for local_rank in range(self._layout.num_local):
                if not self._num_signals:
                    self._members.append(self._start(local_rank))
            if self._output:
                self._output.start()  # a thread, only now: a process is best forked without them
            return self._watch()
        finally:
            self._sweep()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _make_logs(self) -> None:
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskError(
                tr(
                    f"{self._logs}: cannot be written ({reason(error)}).",
                    f"{self._logs}：无法写入（{reason(error)}）。",
                )
            ) from None

    def _start(self, local_rank: int) -> Member:
        rank = self._layout.first_rank + local_rank
        log = self._logs / f"rank-{rank}.log"
        environment = {"OMP_NUM_THREADS": str(launch_layout.threads(self._layout)), **os.environ}
        environment |= self._layout.environment(local_rank)
        if local_rank == 0:
            self._output = Output(log)
            return Member(rank, self._popen(environment, self._output.inlet), log)
        with log.open("wb") as file:
            return Member(rank, self._popen(environment, file.fileno()), log)

    def _popen(self, environment: dict[str, str], inlet: int) -> subprocess.Popen:
        return subprocess.Popen(
            self._argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=inlet,
            stderr=inlet,
            start_new_session=True,  # Ctrl-C in the terminal reaches them through us, once
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )

    def _watch(self) -> int:
        while True:
            codes = [member.process.poll() for member in self._members]
            if any(code not in _GOOD for code in codes):
                return self._end_failed()
            if None not in codes:
                return next((code for code in codes if code), 0)
            if self._output:
                self._output.fit()
            time.sleep(_TICK)

    def _end_failed(self) -> int:
        """One has ended badly: let the others follow, say which was the cause, return its code."""
        first = next(member for member in self._members if member.process.poll() not in _GOOD)
        self._wait(_GRACE if self._num_signals else _SETTLE)
        if self._members[0].process.poll() not in _GOOD:
            first = self._members[0]  # what it said stands on the screen already
        for member in self._members:
            if member.process.poll() is None:
                member.process.terminate()
        self._wait(_GRACE)
        self._sweep()
        if not self._num_signals:
            self._print_cause(first)
        code = first.process.returncode
        return code if code > 0 else 128 - code

    def _wait(self, seconds: float) -> None:
        """Until all have ended, at most so long."""
        end = time.monotonic() + seconds
        while any(member.process.poll() is None for member in self._members) and time.monotonic() < end:
            time.sleep(_TICK)

    def _print_cause(self, member: Member) -> None:
        code = member.process.returncode
        how = (
            tr(f"was killed by {_name(-code)}", f"被 {_name(-code)} 终止")
            if code < 0
            else tr(f"ended with code {code}", f"以代码 {code} 退出")
        )
        lines = "" if member is self._members[0] else "".join(f"  | {line}\n" for line in tail(member.log))
        print(
            tr(f"zhinao: rank {member.rank} {how}.", f"zhinao：rank {member.rank} {how}。")
            + f"\n{lines}  → {member.log}",
            file=sys.stderr,
        )

    def _on_signal(self, number: int, frame) -> None:
        if self._repeats.is_same():
            return
        self._num_signals += 1
        if self._num_signals > 1:
            self._kill()
            return
        for member in self._members:
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def _kill(self) -> None:
        """End the processes and all that they started. Groups that are gone are left alone."""
        for member in self._members:
            try:
                os.killpg(member.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue

    def _sweep(self) -> None:
        self._kill()
        for member in self._members:
            member.process.wait()
        if self._output:
            self._output.close()


def _signals() -> list[signal.Signals]:
    """What ends a run; what was ignored from the start (nohup, a shell's background) stays so, here and in the processes."""
    known = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _end_with_parent() -> None:
    """In the child before it starts: SIGTERM, so that it saves, when the launcher is gone (Linux)."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
