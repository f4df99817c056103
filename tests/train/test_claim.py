"""An output folder belongs to one run: who comes second is told who is there, and a killed run leaves nothing in the way."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from zhinao.errors import DiskError, UsageError
from zhinao.train.claim import FILE, claimed
from zhinao.train.method.preference import prefer
from zhinao.train.method.supervised import train
from zhinao.train.settings.prefer import PreferSettings

HOLD = """
import os, sys, time
from zhinao.train.claim import claimed
with claimed(sys.argv[1]):
    if "fork" in sys.argv and not (child := os.fork()):
        time.sleep(60)
    print(child if "fork" in sys.argv else "held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder():
    """Starts a process that holds a folder; `kill` is all that ends it."""
    running = []

    def start(folder: Path, *how: str) -> subprocess.Popen:
        one = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder, *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(one)
        one.said = one.stdout.readline().strip()
        return one

    yield start
    for one in running:
        one.kill()
        one.communicate()


def test_the_second_is_told_who_is_there(holder, tmp_path):
    one = holder(tmp_path / "run")
    with pytest.raises(UsageError) as error, claimed(tmp_path / "run"):
        pass
    assert f"process {one.pid} on {socket.gethostname()}, since 20" in error.value.message
    assert "--output_dir" in error.value.hint and one.poll() is None
    assert (tmp_path / "run" / FILE).exists()


def test_a_killed_run_leaves_no_lock(holder, tmp_path):
    one = holder(tmp_path)
    one.send_signal(signal.SIGKILL)
    one.wait()
    assert (tmp_path / FILE).exists()
    with claimed(tmp_path):
        assert str(os.getpid()) in (tmp_path / FILE).read_text()
    assert not (tmp_path / FILE).exists()


def until_claimed(folder, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with claimed(folder):
                return
        except UsageError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_nor_do_the_processes_that_it_had_forked(holder, tmp_path):
    one = holder(tmp_path, "fork")
    child = psutil.Process(int(one.said))
    one.send_signal(signal.SIGKILL)
    one.wait()
    try:
        assert child.is_running()
        until_claimed(tmp_path)  # a child lets go when it first runs, which may be after its parent's end
    finally:
        child.kill()


def test_a_folder_that_nothing_was_written_into_vanishes_again(tmp_path):
    with claimed(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()
    with claimed(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "log").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["log"]


def test_an_error_frees_the_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed(tmp_path):
        raise ZeroDivisionError
    with claimed(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with claimed(tmp_path):
        assert "knows no locks" in capsys.readouterr().err


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DiskError, match="cannot be written"), claimed(place):
            pass


@pytest.mark.parametrize("resume", [None, "auto"])
def test_runs_of_every_verb_ask_first(settings, holder, tmp_path, resume):
    holder(tmp_path / "run")
    ours = settings(resume=resume)
    theirs = {name: getattr(ours, name) for name in ("model_name_or_path", "data_path", "output_dir", "resume")}
    for start in (lambda: train(ours), lambda: train(ours, True), lambda: prefer(PreferSettings(**theirs))):
        with pytest.raises(UsageError, match="another run is writing there"):
            start()
    assert [path.name for path in (tmp_path / "run").iterdir()] == [FILE]


def test_other_processes_of_the_same_run_do_not_ask(settings, holder, tmp_path, monkeypatch):
    holder(tmp_path / "run")
    monkeypatch.setenv("RANK", "1")
    from zhinao.train.run import alone

    with alone(settings()):
        pass
