"""Fetching against a stand-in on 127.0.0.1: resumed by the hub's code, hashed, inside the folder."""

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zhinao.errors import DownloadError, UsageError
from zhinao.evaluate import sources
from zhinao.evaluate.commands import fetch


@pytest.fixture
def host(monkeypatch):
    """path -> bytes, or a status."""
    files: dict[str, bytes | int] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            found = files.get(self.path, 404)
            self.send_response(found if isinstance(found, int) else 200)
            data = b"" if isinstance(found, int) else found
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(sources, "GITHUB", url)
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setattr(fetch, "is_offline", lambda: False)
    yield files
    server.shutdown()
    server.server_close()


def _path(folder: str, number: int = 0) -> str:
    source = sources.SOURCES[folder]
    prefix = f"/datasets/{source.repository}/resolve" if source.is_hub else f"/{source.repository}"
    return f"{prefix}/{source.commit}/{list(source.files)[number]}"


def test_files_licence_and_hashes(host, tmp_path, capsys):
    host[_path("boolq")] = b'{"a": 1}\n'
    assert fetch.run(["boolq"], tmp_path) == 0
    assert (tmp_path / "boolq/val.jsonl").read_bytes() == b'{"a": 1}\n'
    assert json.loads((tmp_path / "hashes.json").read_text()) == {
        "boolq/val.jsonl": hashlib.sha256(b'{"a": 1}\n').hexdigest()
    }
    assert "CC BY-SA 3.0" in capsys.readouterr().out


def test_what_is_there_is_not_fetched_again(host, tmp_path):
    host[_path("boolq")] = b"one"
    fetch.run(["boolq"], tmp_path)
    host[_path("boolq")] = b"two"
    fetch.run(["boolq"], tmp_path)
    assert (tmp_path / "boolq/val.jsonl").read_bytes() == b"one"


def test_other_bytes_than_at_first(host, tmp_path):
    host[_path("boolq")] = b"one"
    fetch.run(["boolq"], tmp_path)
    (tmp_path / "boolq/val.jsonl").unlink()
    host[_path("boolq")] = b"two"
    with pytest.raises(DownloadError, match="hash"):
        fetch.run(["boolq"], tmp_path)
    assert not (tmp_path / "boolq/val.jsonl").exists()


def _zip(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, "x")
    return stream.getvalue()


def test_zip_is_unpacked(host, tmp_path):
    host[_path("mmlu")] = _zip("data/dev/a_dev.csv")
    fetch.run(["mmlu"], tmp_path)
    assert (tmp_path / "mmlu/data/dev/a_dev.csv").read_text() == "x"


@pytest.mark.parametrize(("data", "said"), [(_zip("../../out"), "out of its folder"), (b"no zip", "no zip")])
def test_bad_zip(host, tmp_path, data, said):
    host[_path("mmlu")] = data
    with pytest.raises(DownloadError, match=said):
        fetch.run(["mmlu"], tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_a_link_that_leads_out(host, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/boolq").symlink_to(tmp_path / "elsewhere")
    host[_path("boolq")] = b"one"
    with pytest.raises(UsageError, match="leads out"):
        fetch.run(["boolq"], tmp_path / "in")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_gated_says_what_to_do(host, tmp_path):
    host[_path("gpqa")] = 403
    with pytest.raises(DownloadError, match="accept the conditions"):
        fetch.run(["gpqa-diamond"], tmp_path)


def test_mirror_by_environment(host, tmp_path):
    host[_path("gpqa")] = b"Question\n"
    fetch.run(["gpqa-diamond"], tmp_path)
    assert (tmp_path / "gpqa/gpqa_diamond.csv").exists()


def test_no_address(host, tmp_path):
    with pytest.raises(UsageError, match="hellaswag: there is no address"):
        fetch.run(["hellaswag"], tmp_path)


def test_damaged_hashes(host, tmp_path):
    (tmp_path / "hashes.json").write_text("[")
    with pytest.raises(UsageError, match="damaged"):
        fetch.run(["boolq"], tmp_path)
