"""One file over HTTP: what is known beforehand, what lies there already, and what the server says."""

import hashlib

import pytest

from zhinao.errors import DiskError, DownloadError
from zhinao.hub.download import Expected, download, part_path

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def fetch(hub_server, tmp_path):
    hub_server.repos["a/b"] = {"file": CONTENT}
    gained = []

    def run(expected=None, name="file"):
        address = f"{hub_server.url}/plain/a/b/{name}"
        gained.clear()
        download(lambda: (address, {}), tmp_path / "out", expected or Expected(), gained.append)
        assert sum(gained) == len(CONTENT)
        return (tmp_path / "out").read_bytes()

    return run


def sha256(content=CONTENT):
    return hashlib.sha256(content).hexdigest()


def git_sha1():
    return hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


@pytest.mark.parametrize(
    "expected",
    [
        Expected(),
        Expected(len(CONTENT)),
        Expected(sha256=sha256()),
        Expected(len(CONTENT), git_sha1=git_sha1()),
    ],
)
def test_whatever_is_known_beforehand(fetch, expected, tmp_path):
    assert fetch(expected) == CONTENT
    assert [path.name for path in tmp_path.glob("out*")] == ["out"]


@pytest.mark.parametrize(
    "expected",
    [
        Expected(len(CONTENT) - 1),
        Expected(sha256=sha256(b"")),
        Expected(len(CONTENT), git_sha1="0" * 40),
    ],
)
def test_what_is_not_as_announced_is_thrown_away(fetch, expected, tmp_path):
    with pytest.raises(DownloadError, match="not what the server announced"):
        fetch(expected)
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize("left", [CONTENT[:999], b"x" * 999, CONTENT, CONTENT + b"x", b"x" * len(CONTENT)])
@pytest.mark.parametrize("is_size_known", [True, False])
def test_whatever_an_earlier_run_left(fetch, tmp_path, left, is_size_known):
    expected = Expected(len(CONTENT) if is_size_known else None, sha256=sha256())
    part_path(tmp_path / "out", expected).write_bytes(left)
    assert fetch(expected) == CONTENT


def test_a_good_file_is_not_asked_for_again(fetch, tmp_path, hub_server):
    (tmp_path / "out").write_bytes(CONTENT)
    assert fetch(Expected(len(CONTENT), sha256=sha256())) == CONTENT and hub_server.requests == []


def test_a_file_that_is_not_there(fetch):
    with pytest.raises(DownloadError, match="HTTP 404"):
        fetch(name="nothing/else")


def test_a_disk_that_is_full(fetch, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DiskError, match="No space left"):
        fetch()
