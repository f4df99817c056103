"""Processes end with their parent, also one that holds Python's lock, and whatever thread has started them."""

import subprocess
import sys
import textwrap
import time

import psutil
import pytest

BUSY = """
import re
from zhinao.engine.openvino.child import end_with_parent
{before}
end_with_parent()
print("up", flush=True)
re.match("(a*)*b", "a" * 60)  # holds the lock for years
"""
PARENT = """
import subprocess, sys, threading, time
from zhinao.engine.openvino.child import Child

made = []
starting = threading.Thread(target=lambda: made.append(Child("busy_child", subprocess.DEVNULL)))
starting.start()
starting.join()  # a thread that ends takes no process along
if sys.argv[1] == "up":
    assert made[0].stdout.readline() == b"up\\n"
time.sleep(0.3)
print(made[0].pid, made[0].poll(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("when", ["up", "starting"])
def test_a_killed_parent_takes_it_along(tmp_path, monkeypatch, when):
    before = "import time; time.sleep(2)" if when == "starting" else ""
    (tmp_path / "busy_child.py").write_text(BUSY.format(before=before))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PARENT), when], stdout=subprocess.PIPE, text=True)
    try:
        pid, code = parent.stdout.readline().split()
        assert code == "None"
    finally:
        parent.kill()
        parent.wait()
    end = time.monotonic() + 15
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.05)
