"""What a witness gives a stranger's chat template: little time, little memory."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from zhinao.export import answers, witness


@pytest.mark.parametrize(("seconds", "num_bytes", "code"), [(0.2, 2**30, -signal.SIGPROF), (60, 2**26, 7)])
def test_a_template_without_end_is_ended(seconds, num_bytes, code):
    """In a fork: the limits are those of a process."""
    if (child := os.fork()) == 0:
        try:
            with witness._limits(seconds, num_bytes):
                grown = [b""]
                while True:
                    grown.append(b"x" * 2**20 if seconds > 1 else b"")
        except MemoryError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code


def test_limits_are_taken_away_again():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with witness._limits(60, 2**30):
        pass
    assert resource.getrlimit(resource.RLIMIT_AS) == before and signal.getitimer(signal.ITIMER_PROF)[0] == 0
    run = subprocess.CompletedProcess([], -signal.SIGPROF, "", "")
    assert "chat template" in answers._last_words(Path("x"), run)
