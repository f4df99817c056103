import json
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from zhinao import files
from zhinao.errors import DiskError


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole(tmp_path):
    with files.atomic_folder(tmp_path / "model") as work:
        (work / "a").write_text("1")
        assert not (tmp_path / "model").exists()
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(5, "broken")])
def test_nothing_is_left_of_what_failed(tmp_path, error):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    with pytest.raises(type(error) if isinstance(error, OSError) else error), files.atomic_folder(tmp_path / "model"):
        raise error
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]


def test_an_existing_folder_is_replaced_at_the_end(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    with files.atomic_folder(tmp_path / "model") as work:
        (work / "new").touch()
        assert names(tmp_path / "model") == ["old"]
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["new"]


def test_a_full_disk_is_a_sentence(tmp_path):
    with pytest.raises(DiskError, match="full"), files.atomic_folder(tmp_path / "model"):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_swept(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    ended = tmp_path / f".model{files.PARTIAL}{int(dead.stdout)}-0a"
    alive = tmp_path / f".model{files.PARTIAL}{os.getppid()}-0b"
    other = tmp_path / f".other{files.PARTIAL}{int(dead.stdout)}-0c"
    for folder in (ended, alive, other):
        folder.mkdir()
    with files.atomic_folder(tmp_path / "model"):
        pass
    assert names(tmp_path) == sorted([alive.name, other.name, "model"])


def test_a_folder_that_was_being_replaced_when_the_process_died_gets_its_name_back(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    work = tmp_path / f".model{files.PARTIAL}{int(dead.stdout)}-0a"
    for folder, name in ((work, "new"), (work.with_name(work.name + "-old"), "old")):
        folder.mkdir()
        (folder / name).touch()
    assert files.sweep(tmp_path / "model") == 1
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]


def test_free_space_names_both_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * 10**6))
    with pytest.raises(DiskError, match=r"2\.1 GB are needed, 3\.0 MB are free\.\n.*ZHINAO_HOME"):
        files.check_free_space(tmp_path / "not" / "yet", 2 * 10**9)
    with pytest.raises(
        DiskError, match=r"68\.0 MB are needed, 3\.0 MB are free\.\n  → name another"
    ):  # what stays free counts
        files.check_free_space(tmp_path, 853_000, "name another")
    with pytest.raises(DiskError, match="67,108,865 B are needed, 67,108,864 B are free"):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**26))
        files.check_free_space(tmp_path, 1)


def test_two_holders_of_a_lock_take_turns(tmp_path):
    order = []
    with files.lock(tmp_path / "lock"):
        second = threading.Thread(target=lambda: [files.lock(tmp_path / "lock").__enter__(), order.append("second")])
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(5)
    assert order == ["first", "second"]


def test_json_is_written_whole_and_in_plain_characters(tmp_path):
    files.write_json(tmp_path / "a.json", {"name": "智脑"})
    assert "智脑" in (tmp_path / "a.json").read_text(encoding="utf-8") and names(tmp_path) == ["a.json"]
    files.write_json(tmp_path / "a.json", ["智\udcff"])  # the name of a file that is no UTF-8
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == ["智\udcff"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (134.5e6, "134.5 MB"), (2e12, "2.0 TB")]
)
def test_sizes_for_people(size, text):
    assert files.human_size(size) == text


def test_hash_tells_its_progress(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    seen = []
    assert files.sha256(tmp_path / "a", seen.append).startswith("ba7816bf") and seen == [3]


def test_what_is_private_is_so_whatever_wrote_it(tmp_path, monkeypatch):
    """Also a folder that an earlier version has made."""
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    (tmp_path / "home/data").mkdir(parents=True, mode=0o755)
    with files.atomic_folder(files.private_home("data") / "a", is_private=True) as work:
        assert work.stat().st_mode & 0o777 == 0o700
        (work / "below").mkdir(mode=0o755)
        (work / "below/ids").write_text("secret")
        (work / "below/ids").chmod(0o644)
    modes = {
        path.name: oct(path.stat().st_mode & 0o777)
        for path in (tmp_path / "home/data", *(tmp_path / "home/data").rglob("*"))
    }
    assert modes == {"data": "0o700", "a": "0o700", "below": "0o700", "ids": "0o600"}
