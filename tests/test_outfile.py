"""Writing where a user says: files whole with their mode, links followed, everything else written to and never replaced."""

import gzip
import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from zhinao import outfile
from zhinao.data.commands.output import check_target
from zhinao.data.commands.output import writing as data_writing
from zhinao.errors import DiskError


def text(path, words="new"):
    outfile.write_text(path, words)


def data(path, words="new"):
    with data_writing(path) as write:
        write({"text": words})


BOTH = pytest.mark.parametrize("write", [text, data])


@BOTH
def test_a_device_stays_a_device_and_a_full_one_is_a_sentence(write):
    full = os.stat("/dev/full")
    with pytest.raises(DiskError, match="/dev/full: cannot be written"):
        write(outfile.Path("/dev/full"))
    assert os.stat("/dev/full").st_ino == full.st_ino and stat.S_ISCHR(os.stat("/dev/full").st_mode)
    write(outfile.Path(os.devnull))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@BOTH
def test_a_fifo_is_written_to(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join(5)
    assert "new" in got[0] and stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


@BOTH
def test_a_descriptor_is_written_to_where_it_stands(tmp_path, write):
    """What `>(cat)` is; also a file that a shell has opened, which must go on where it was."""
    ours, theirs = os.pipe()
    write(outfile.Path(f"/dev/fd/{theirs}"))
    os.close(theirs)
    assert b"new" in os.read(ours, 100)
    os.close(ours)
    with (tmp_path / "log").open("w") as file:
        file.write("first\n")
        file.flush()
        write(outfile.Path(f"/dev/fd/{file.fileno()}"))
        file.write("last\n")
    before, new, after = (tmp_path / "log").read_text().partition("new")
    assert before.startswith("first\n") and new and after.endswith("last\n")
    with pytest.raises(DiskError, match="cannot be written"):
        write(outfile.Path("/dev/fd/987"))


@BOTH
def test_links_are_followed(tmp_path, write):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    (tmp_path / "ahead.txt").symlink_to("later.txt")
    for name in ("link.txt", "ahead.txt"):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink() and "new" in (tmp_path / name).read_text()
    (tmp_path / "round.txt").symlink_to("round.txt")
    with pytest.raises(DiskError, match="round"):
        write(tmp_path / "round.txt")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["real.txt", "later.txt", "link.txt", "ahead.txt", "round.txt"]
    )


@BOTH
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_stays(tmp_path, write, mode):
    (tmp_path / "secret.txt").write_text("old")
    (tmp_path / "secret.txt").chmod(mode)
    write(tmp_path / "secret.txt")
    assert stat.S_IMODE(os.stat(tmp_path / "secret.txt").st_mode) == mode


@BOTH
def test_a_new_file_is_as_the_umask_says(tmp_path, write):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new.txt")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "new.txt").st_mode) == 0o640


def test_a_folder_is_a_sentence(tmp_path):
    for action in (text, outfile.check):
        with pytest.raises(DiskError, match="it is a folder"):
            action(tmp_path)
    with pytest.raises(DiskError, match="absent"):
        text(tmp_path / "absent" / "a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_may_not_be_replaced(tmp_path):
    (tmp_path / "kept.txt").write_text("old")
    (tmp_path / "kept.txt").chmod(0o444)
    with pytest.raises(DiskError, match="Permission denied"):
        text(tmp_path / "kept.txt")
    tmp_path.chmod(0o555)
    with pytest.raises(DiskError, match="Permission denied"):
        text(tmp_path / "other.txt")
    tmp_path.chmod(0o755)


@BOTH
def test_a_file_of_two_names_stays_one(tmp_path, write):
    (tmp_path / "a.txt").write_text("old, and much longer than what comes")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    write(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").samefile(tmp_path / "b.txt") and "new" in (tmp_path / "b.txt").read_text()
    assert "old" not in (tmp_path / "b.txt").read_text() and len(list(tmp_path.iterdir())) == 2


def test_what_fails_leaves_a_file_of_two_names_as_it_was(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    with pytest.raises(ValueError), outfile.atomic_text(tmp_path / "a.txt") as file:
        file.write("half")
        raise ValueError
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old", "old"]


def test_a_file_that_cannot_be_renamed_over_is_written_to(tmp_path, monkeypatch):
    """One that is mounted by itself, as containers do."""
    (tmp_path / "a.txt").write_text("old, and longer")
    monkeypatch.setattr(outfile.Path, "replace", lambda *a: (_ for _ in ()).throw(OSError(16, "busy")))
    text(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(5, "elsewhere"), BrokenPipeError])
def test_what_fails_leaves_the_old_file_and_keeps_its_own_name(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with (
        pytest.raises(error if isinstance(error, type) else OSError) as raised,
        outfile.atomic_text(tmp_path / "a.txt") as file,
    ):
        file.write("half")
        raise error
    assert not isinstance(raised.value, DiskError)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_two_at_once_are_both_whole(tmp_path):
    with outfile.atomic_text(tmp_path / "a.txt") as one, outfile.atomic_text(tmp_path / "a.txt") as two:
        one.write("one" * 9999)
        two.write("two")
    assert (tmp_path / "a.txt").read_text() == "one" * 9999 and len(list(tmp_path.iterdir())) == 1


def test_the_longest_name(tmp_path):
    for name in ("n" * 255, "智" * 85):
        text(tmp_path / name)
        assert (tmp_path / name).read_text() == "new"


def test_no_character_breaks_a_file(tmp_path):
    with data_writing(tmp_path / "a.jsonl") as write:
        write({"text": "\ud800 智脑 😀 \u2028"})
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8"))["text"] == "\ud800 智脑 😀 \u2028"


def test_a_reader_that_leaves_is_no_full_disk():
    ours, theirs = os.pipe()
    os.close(ours)
    with pytest.raises(BrokenPipeError):
        text(outfile.Path(f"/dev/fd/{theirs}"))
    os.close(theirs)


def test_data_files_of_every_kind(tmp_path):
    data(tmp_path / "a.jsonl.gz")
    assert json.loads(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())) == {"text": "new"}
    data(tmp_path / "new" / "a.json")
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == [{"text": "new"}]
    check_target(outfile.Path("/dev/full"), is_forced=False)  # no name could be asked of it, and nothing is lost


def test_a_shell_s_process_substitution():
    code = "import sys; from pathlib import Path; from zhinao import outfile; outfile.write_text(Path(sys.argv[1]), 'x\\n')"
    script = f'"{sys.executable}" -c "$0" >(tr x y; echo end >&2) ; sleep 0.2'
    done = subprocess.run(["bash", "-c", script, code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("y\n", "end\n")
