"""The ModelScope way, with a stand-in for its client, which is no part of the test environment.

The stand-in has the calls that are used, as in `modelscope_hub` 0.5: HubApi.list_repo_files, .download_file, the errors.
Where the real client is installed, the last test runs it against the fake hub.
"""

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from zhinao import hub
from zhinao.errors import CheckpointError, DownloadError, MissingExtraError, ModelNotFoundError
from zhinao.hub import cache
from zhinao.progress import quiet

REPO = "someone/tiny"


class Client(ModuleType):
    """`modelscope_hub` with one repository in memory."""

    def __init__(self, content: dict[str, bytes]):
        super().__init__("modelscope_hub")
        self.content, self.asked, self.fails = content, [], None
        self.HubError = type("HubError", (Exception,), {"message": "the line broke"})
        for name in ("NotExistError", "AuthenticationError", "PermissionDeniedError", "NetworkError"):
            setattr(self, name, type(name, (self.HubError,), {"status_code": 403}))
        self.HubApi = lambda: self

    def list_repo_files(self, repo_id, repo_type, *, revision=None, recursive=True):
        assert (repo_id, repo_type, recursive) == (REPO, "model", True)
        if self.fails:
            raise self.fails
        return [
            SimpleNamespace(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), is_dir=False)
            for name, data in self.content.items()
        ] + [SimpleNamespace(path="vocab", size=0, sha256=None, is_dir=True)]

    def download_file(
        self, repo_id, repo_type, file_path, *, revision=None, local_dir=None, expected_sha256=None, file_size=None
    ):
        self.asked.append(file_path)
        target = Path(local_dir) / file_path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.content[file_path])
        (Path(local_dir) / ".ms").write_text("the client's own notes")
        return target


@pytest.fixture
def client(monkeypatch, tiny_files):
    client = Client(dict(tiny_files))
    monkeypatch.setitem(sys.modules, "modelscope_hub", client)
    return client


def fetch(**options):
    return hub.resolve(REPO, source="modelscope", progress=quiet, **options)


def test_takes_the_same_files_as_from_the_other_hub(client, tiny_files):
    found = fetch()
    here = {p.relative_to(found.path).as_posix() for p in found.path.rglob("*") if p.is_file()} - {"zhinao-origin.json"}
    assert here == {
        n for n in tiny_files if n.endswith((".safetensors", ".tiktoken")) or (n.endswith(".json") and "/" not in n)
    }
    assert cache.origin(found.path)["source"] == "modelscope"
    assert not {"pytorch_model.bin", "modeling_zhinao.py"} & set(client.asked)


def test_by_the_environment(client, monkeypatch):
    monkeypatch.setenv("VLLM_USE_MODELSCOPE", "True")
    assert hub.resolve(REPO, progress=quiet).path.is_dir() and client.asked


def test_without_the_package_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "modelscope_hub", None)
    with pytest.raises(MissingExtraError) as caught:
        fetch()
    assert caught.value.hint == "pip install 'zhinao[modelscope]'" and caught.value.exit_code == 3


def test_a_left_over_that_is_wrong_is_fetched_again(client, tiny_files):
    cache.staging(REPO).mkdir(parents=True)
    (cache.staging(REPO) / "config.json").write_bytes(b"{")
    assert (fetch().path / "config.json").read_bytes() == tiny_files["config.json"]


def test_wrong_bytes_are_noticed(client, monkeypatch):
    monkeypatch.setattr(client, "download_file", lambda *a, local_dir, **k: (local_dir / a[2]).write_bytes(b"x"))
    with pytest.raises(DownloadError, match="is not what was announced"):
        fetch()
    assert not any(kept.is_whole for kept in cache.kept())


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("NotExistError", ModelNotFoundError, "not on ModelScope"),
        ("PermissionDeniedError", DownloadError, "access refused"),
        ("AuthenticationError", DownloadError, "ms-hub login"),
        ("HubError", DownloadError, "the line broke"),
        ("NetworkError", DownloadError, "cannot be reached"),
    ],
)
def test_errors_are_sentences(client, kind, error, words):
    client.fails = getattr(client, kind)("x")
    with pytest.raises(error, match=words):
        fetch()


def test_pickles_only_are_refused(client):
    client.content = {"config.json": b"{}", "pytorch_model.bin": b"x"}
    with pytest.raises(CheckpointError, match="pickles"):
        fetch()
    assert client.asked == []


def test_the_real_client_goes_on_where_the_server_died(monkeypatch, tmp_path, tiny_files, hub_server):
    pytest.importorskip("modelscope_hub")
    for key in ("MODELSCOPE_HOME", "MODELSCOPE_CACHE"):
        monkeypatch.setenv(key, str(tmp_path / key))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub_server.url)
    hub_server.repos[REPO], hub_server.dies_after = dict(tiny_files), 50_000
    found = fetch()
    for name in ("config.json", "vocab/360.tiktoken", *(n for n in tiny_files if n.endswith(".safetensors"))):
        assert (found.path / name).read_bytes() == tiny_files[name]
    assert "bytes=50000-" in [headers.get("range") for _, headers in hub_server.requests]
