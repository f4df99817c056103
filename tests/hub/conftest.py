"""A cache of its own for every test, a tiny model, and the fake hub that offers it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hub.fake_hub import FakeHub
from tests.tiny import make_checkpoint

REPO = "someone/tiny-zhinao"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "ZHINAO_OFFLINE", "ZHINAO_SOURCE", "HF_TOKEN"):
        monkeypatch.delenv(key, raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory) -> dict[str, bytes]:
    """A published-looking repository: sharded weights, remote code, a pickle twin, the tokenizer in `vocab/`."""
    folder = make_checkpoint(tmp_path_factory.mktemp("tiny"), dtype="BF16", max_shard_bytes=120_000)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sum(name.endswith(".safetensors") for name in files) >= 2
    return {
        **files,
        "vocab/360.tiktoken": b"YQ== 0\n",
        "modeling_zhinao.py": b"import os",
        "pytorch_model.bin": b"\x80\x04",
        "README.md": b"# tiny",
        "onnx/config.json": b"{}",
        "tokenizer_config.json": b"{}",
    }


@pytest.fixture
def hub(tiny_files, monkeypatch):
    from huggingface_hub import constants

    hub = FakeHub({REPO: dict(tiny_files)})
    # read from HF_ENDPOINT when the library is first imported
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    yield hub
    hub.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    from zhinao.hub import download

    monkeypatch.setattr(download, "_DELAYS", (0.01, 0.01))


@pytest.fixture
def command():
    """Start `zhinao …` as a process of its own."""

    def start(*words: str, **environment) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "zhinao", "--lang", "en", *words],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )

    return start


@pytest.fixture
def hub_server():
    """A bare server of bytes, for addresses that are no hub's."""
    server = FakeHub({})
    yield server
    server.close()
