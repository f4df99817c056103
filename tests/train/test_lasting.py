"""A run goes on when nobody can be told of it any more; and signals that were ignored at its start stay ignored."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arriving import arrives
from zhinao.launch.group import Group
from zhinao.launch.layout import Layout
from zhinao.train.loop.interruption import Interruption

TALK = """
import sys, time
from zhinao.train.loop.lasting import lasting_output
if sys.argv[2] == "command":
    from zhinao import outfile
    outfile.mend_standard_streams()
with lasting_output():
    print("first", flush=True)
    sys.stdin.read()
    for number in range(3):
        print("more " * 5000, number)
        print("more", file=sys.stderr, flush=True)
        sys.stderr.writelines(["a", "b"])
    sys.stdout.buffer.write(b"raw")
open(sys.argv[1], "w").write("done")
"""


@pytest.fixture(params=["command", "module"])
def talked(request):
    """A function that starts a talker, whose streams are those of `zhinao …`, or of `python -m zhinao.train.sft`."""
    return functools.partial(_talked, request.param)


def _talked(streams_of: str, folder: Path, **streams) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", TALK, folder / "done", streams_of],
        stdin=subprocess.PIPE,
        **{"stderr": subprocess.STDOUT, **streams},
    )


def ended(one: subprocess.Popen, folder: Path) -> bool:
    one.stdin.close()
    return one.wait(30) == 0 and (folder / "done").exists()


def test_a_reader_that_leaves(talked, tmp_path):
    one = talked(tmp_path, stdout=subprocess.PIPE)
    assert one.stdout.readline() == b"first\n"
    one.stdout.close()
    assert ended(one, tmp_path)


def test_a_terminal_that_closes(talked, tmp_path):
    ours, theirs = os.openpty()
    one = talked(tmp_path, stdout=theirs, start_new_session=True)
    os.close(theirs)
    assert os.read(ours, 5) == b"first"
    os.close(ours)
    assert ended(one, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk(talked, tmp_path):
    with open("/dev/full", "w") as full:
        assert ended(talked(tmp_path, stdout=full), tmp_path)


def test_no_output_at_all(talked, tmp_path):
    one = talked(tmp_path, stderr=None, preexec_fn=lambda: (os.close(1), os.close(2)))
    assert ended(one, tmp_path)


def test_a_signal_that_is_delivered_twice_is_one_and_a_later_one_ends_it(monkeypatch):
    """`timeout 60 zhinao finetune …`: the command gets it by its number and by its group's."""
    before, now = signal.getsignal(signal.SIGTERM), [0.0]
    monkeypatch.setattr("zhinao.signals.time.monotonic", lambda: now[0])
    with Interruption() as interruption:
        arrives(signal.SIGTERM)
        arrives(signal.SIGTERM)
        now[0] = 0.3
        with pytest.raises(KeyboardInterrupt):
            arrives(signal.SIGTERM)
    assert interruption.exit_code == 143 and signal.getsignal(signal.SIGTERM) is before


def test_a_launcher_passes_on_what_is_delivered_twice_once(monkeypatch):
    group, killed, now = Group([], Layout((1,), 0, "127.0.0.1", 1), Path("logs")), [], [0.0]
    monkeypatch.setattr("zhinao.signals.time.monotonic", lambda: now[0])
    monkeypatch.setattr(group, "_kill", lambda: killed.append(now[0]))
    for now[0] in (0.0, 0.001, 0.5):
        group._on_signal(signal.SIGTERM, None)
    assert killed == [0.5]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_unless_it_was_ignored(number):
    before = signal.getsignal(number)
    try:
        with Interruption() as interruption:
            arrives(number)
        assert interruption.signal == number and interruption.exit_code == 128 + number
        assert signal.getsignal(number) is before
        signal.signal(number, signal.SIG_IGN)
        with Interruption() as interruption:
            arrives(number)
        assert interruption.signal is None and signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
