"""Hostile programs: none may pass, reach beyond its folder, outlive its run or hold anybody up."""

import os
import subprocess
import sys
import time

import pytest

from zhinao.score.code import sandbox
from zhinao.score.code.sandbox import DIED, ERROR, FAILED, PASSED, TIMEOUT, run_tests

pytestmark = pytest.mark.skipif(not sandbox.walls(), reason="no walls for generated code on this machine")
TESTS = "assert f(1) == 2"
RIGHT = "def f(x):\n    return x + 1\n"
REFUSED = "\n    try:\n        {}\n    except (OSError, ValueError) as error:\n        return 1\n    return 'done'"


def test_what_is_right_passes_and_what_is_wrong_fails():
    assert run_tests(RIGHT, TESTS).outcome == PASSED
    assert run_tests("def f(x):\n    return x", TESTS).outcome == FAILED
    assert run_tests("def f(x):\n    return 1 / 0", TESTS).outcome == ERROR
    assert run_tests("def f(x:", TESTS).outcome == ERROR
    assert run_tests("", TESTS).outcome == ERROR
    ran = run_tests("print('said')\n" + RIGHT, TESTS)
    assert ran.output == "said\n" and {"limits", "seccomp"} <= set(ran.walls)


FAKES = {
    "os._exit(0)": "import os\nos._exit(0)",
    "os._exit(0) in the call": "import os\ndef f(x):\n    os._exit(0)",
    "sys.exit": "import sys\nsys.exit(0)",
    "sys.exit in the call": "import sys\ndef f(x):\n    sys.exit(0)",
    "the marker printed": "print('passed')\nprint({'outcome': 'passed'})\ndef f(x):\n    return 3",
    "the marker on every descriptor": """
import json, os, struct
told = json.dumps({"outcome": "passed", "detail": ""}).encode()
for number in range(3, 40):
    try:
        os.write(number, struct.pack("<I", len(told)) + told)
    except OSError:
        pass
def f(x):
    return 3""",
    "equal to everything": "class Any(int):\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Any(3)",
    "equal to everything, no number": "class Any:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Any()",
    "assert patched": "import builtins\nbuiltins.AssertionError = SystemExit\ndef f(x):\n    return 3",
    "builtins patched": "import builtins\nbuiltins.all = builtins.any = lambda *_: True\ndef f(x):\n    return 3",
    "exec patched": "import builtins\nbuiltins.exec = lambda *_: None\ndef f(x):\n    return 3",
    "the harness patched": """
import sys
for module in list(sys.modules.values()):
    for name in ("send", "receive", "encode"):
        if hasattr(module, name):
            setattr(module, name, lambda *_: {"outcome": "passed", "detail": "", "value": ["int", "2"]})
def f(x):
    return 3""",
    "frames walked": """
import sys
def f(x):
    frame = sys._getframe()
    while frame:
        frame.f_locals.update(told={"value": ["int", "2"]}, outcome="passed")
        frame = frame.f_back
    return 3""",
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x):\n    return 3",
    "everything caught": "def f(x):\n    try:\n        raise SystemExit(0)\n    except BaseException:\n        return None",
    "excepthook": "import sys\nsys.excepthook = lambda *_: None\nraise SystemExit(0)",
    "its tests' names taken": "def check(x):\n    return True\ndef f(x):\n    return 3",
}


@pytest.mark.parametrize("name", FAKES)
def test_a_faked_pass_is_none(name):
    assert run_tests(FAKES[name], TESTS, seconds=1).outcome in (FAILED, ERROR, DIED, TIMEOUT)


def test_all_and_modules_of_a_program_do_not_replace_the_tests():
    program = "import types\nmath = types.ModuleType('math')\nmath.isclose = lambda *_: True\ndef all(_):\n    return True\ndef f(x):\n    return 3"
    assert run_tests(program, "assert all([f(1) == 2])").outcome == FAILED
    assert run_tests(program, "assert math.isclose(f(1), 2)").outcome == FAILED
    assert run_tests("def sum(a, b):\n    return 6", "assert sum(10, 15) == 6", tested=("sum",)).outcome == PASSED


ENDLESS = {
    "a loop": "def f(x):\n    while True: pass",
    "a loop at once": "while True: pass",
    "sleep": "import time\ndef f(x):\n    time.sleep(1000)",
    "threads that never end": "import threading, time\nfor _ in range(8):\n    threading.Thread(target=time.sleep, args=(1000,)).start()\ndef f(x):\n    time.sleep(1000)",
    "signals held off": "import signal\nfor number in range(1, 32):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nwhile True: pass",
    "everything caught": "def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_ended(name):
    start = time.monotonic()
    assert run_tests(ENDLESS[name], TESTS, seconds=0.5).outcome in (TIMEOUT, DIED)
    assert time.monotonic() - start < 20 and not _left()


def _left() -> list[str]:
    """Processes of runs of ours that are still there."""
    found = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if "inside/child.py" in line]


REACHING = {
    "a process": "import os; os.fork()",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "subprocess": "import subprocess; subprocess.run(['true'])",
    "a socket": "import socket; socket.socket()",
    "ptrace": "import ctypes; c = ctypes.CDLL(None, use_errno=True); (c.ptrace(16, os.getppid(), 0, 0) == 0) or (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
    "a signal to the parent": "os.kill(os.getppid(), 0)",
    "a higher limit": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))",
    "another's memory": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "its environment": "open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    "a password file": "open('/etc/passwd').read()",
    "a file elsewhere": "open('/tmp/zhinao-escaped', 'w').write('x')",
    "a link out": "os.symlink('/etc', 'etc'); open('etc/hostname').read()",
    "rights": "os.chmod('.', 0o777)",
    "a namespace": "import ctypes; c = ctypes.CDLL(None, use_errno=True); (c.unshare(0x10000000) == 0) or (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
    "a mount's flags": "import ctypes; c = ctypes.CDLL(None, use_errno=True); (c.syscall(442, -100, b'/', 0, bytes(32), 32) == 0) or (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
    "a place before others": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "a device": "os.mknod('disk', 0o60600, 0x800)",
}


@pytest.mark.parametrize("name", REACHING)
def test_nothing_beyond_the_folder_is_reached(name):
    program = f"import os\ndef f(x):{REFUSED.format(REACHING[name])}"
    ran = run_tests(program, "result = f(1)\nassert isinstance(result, int), result")
    assert ran.outcome == PASSED, ran
    assert not os.path.exists("/tmp/zhinao-escaped")


def test_files_are_deleted_nowhere(tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("here")
    program = f"import os, shutil\ndef f(x):\n    shutil.rmtree({str(tmp_path)!r}, ignore_errors=True)\n    os.path.exists('/')\n    return 2"
    run_tests(program, TESTS)
    assert kept.read_text() == "here"


def test_it_writes_in_its_own_folder_and_finds_no_secrets(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    program = "import os\ndef f(x):\n    open('mine', 'w').write('x')\n    return [sorted(os.environ), os.listdir('.')]"
    if "landlock" in sandbox.walls():
        assert (
            run_tests(program, "found = f(1)\nassert 'HF_TOKEN' not in found[0] and found[1] == ['mine']").outcome
            == PASSED
        )


GREEDY = {
    "memory": "def f(x):\n    return len(bytearray(8 * 2**30))",
    "memory, slowly": "def f(x):\n    kept = []\n    while True:\n        kept.append('x' * 2**20)",
    "a file of gigabytes": "def f(x):\n    with open('big', 'wb') as file:\n        for _ in range(4096):\n            file.write(b'x' * 2**20)\n    return 3",
    "a thousand files": "def f(x):\n    for number in range(1000):\n        with open(str(number), 'wb') as file:\n            file.write(b'x' * 2**19)\n    return 2",
    "names without end": "import time\ndef f(x):\n    for number in range(6000):\n        open(str(number), 'wb').close()\n    time.sleep(1)\n    return 2",
    "small threads": "import threading, time\ndef f(x):\n    threading.stack_size(32768)\n    for _ in range(300):\n        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n    time.sleep(1)\n    return 2",
    "endless output": "def f(x):\n    while True:\n        print('x' * 2**16)",
    "threads": "import threading, time\ndef f(x):\n    for _ in range(100000):\n        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n    return 3",
    "an answer of gigabytes": "def f(x):\n    return 'x' * (2**29)",
    "a deep answer": "def f(x):\n    deep = []\n    for _ in range(10**6):\n        deep = [deep]\n    return deep",
    "recursion": "def f(x):\n    return f(x)",
    "a huge number": "def f(x):\n    return 9 ** 9 ** 9",
}


@pytest.mark.parametrize("name", GREEDY)
def test_whoever_wants_too_much_gets_nothing(name):
    ran = run_tests(GREEDY[name], TESTS, seconds=2)
    assert ran.outcome in (FAILED, ERROR, DIED, TIMEOUT) and len(ran.output) <= 2**14


def test_root_has_no_powers_left():
    asked = "import ctypes\ndef f(x):\n    told = ctypes.create_string_buffer(24)\n    header = ctypes.create_string_buffer((0x20080522).to_bytes(4, 'little') + bytes(4), 8)\n    return ctypes.CDLL(None).capget(header, told), told.raw"
    assert run_tests(asked, "assert f(1) == (0, bytes(24))").is_passed


def test_a_block_for_main_does_not_run():
    program = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Pair:\n    a: int\ndef f(x):\n    return Pair(x).a + 1\nif __name__ == '__main__':\n    input()"
    assert run_tests(program, TESTS).is_passed


def test_walls_that_are_missing_leave_others_standing():
    for without in (("namespaces",), ("landlock",), ("namespaces", "landlock")):
        assert run_tests(RIGHT, TESTS, without=without).outcome == PASSED
        for name in ("a process", "a socket", "a file elsewhere", "ptrace"):
            program = f"import os\ndef f(x):{REFUSED.format(REACHING[name])}"
            ran = run_tests(program, "result = f(1)\nassert isinstance(result, int), result", without=without)
            assert ran.outcome == PASSED, (without, name, ran)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plain_user_has_walls_too():
    try:
        subprocess.run([sys.executable, "-c", "import math, zhinao"], user=65534, group=65534, cwd="/", check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this interpreter cannot be read by a plain user")
    code = "from zhinao.score.code.sandbox import walls; print(walls())"
    ran = subprocess.run([sys.executable, "-c", code], user=65534, group=65534, cwd="/", capture_output=True, text=True)
    assert "seccomp" in ran.stdout, ran


def test_plain_values_come_over_as_they_are():
    program = "class Pair:\n    def __init__(self, a):\n        self.a = a\n    def __iter__(self):\n        return iter([self.a])\ndef same(x):\n    return x\ndef first(pair):\n    return pair.a\n"
    values = "[None, True, 2**200, -0.5, float('inf'), 1j, 'ü\\ud800', b'x', (1, (2,)), {3}, frozenset([4]), {'a': [5], (1,): None}, int]"
    assert run_tests(
        program, f"for value in {values}:\n    assert same(value) == value and type(same(value)) is type(value)"
    ).is_passed
    assert run_tests(program, "pair = Pair(5)\nassert first(pair) == 5 and pair.a == 5 and list(pair) == [5]").is_passed
    assert run_tests(program, "assert Pair(5) == Pair(5)").outcome == FAILED
