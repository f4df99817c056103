"""Processes of ours that end with the one that started them, whatever either is doing. Knows pipes and signals, no engine.

A process that computes may not look at its pipe for minutes (a library that loads weights holds Python's lock). So the kernel
ends it: the parent keeps one end of a pipe that carries nothing, and when it is gone, however it went, the other end sends a
signal that nobody handles. (`PR_SET_PDEATHSIG` would fire when the thread ends that did the starting.)
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys

# OpenVINO brings its own threads; the graph's many small allocations are quicker from a heap that grows in large steps.
# Each length of a step makes new kernels, and the libraries keep 1024 and 5000 of them: for a server with requests of all lengths
# that is memory without end in sight (see also `openvino_settings.KERNELS`).
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_TOP_PAD_": str(2**26), "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128"}


class Child(subprocess.Popen):
    """`python -m module`, spoken to over its stdin and stdout; in a session of its own, since Ctrl-C in the terminal is for the parent."""

    def __init__(self, module: str, stderr):
        given, self._held = os.pipe()
        try:
            super().__init__(
                [sys.executable, "-P", "-m", module, str(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=(given,),
                start_new_session=True,
                env={**ENVIRONMENT, **os.environ},
            )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(given)

    def close(self) -> None:
        """Close our ends of all pipes: an end to the process, if it is not over yet. May be called twice."""
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)


def end_with_parent() -> None:
    """To be called first in the process that a `Child` is."""
    if len(sys.argv) < 2:  # started by hand
        return
    pipe = int(sys.argv[1])
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # it was gone before
        os._exit(0)
