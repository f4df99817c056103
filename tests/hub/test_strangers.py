"""A hub, a mirror or a link that means harm: nothing outside of the model's folder is written, nothing else is fetched."""

import json
import sys
from types import SimpleNamespace

import pytest
from tests.hub.conftest import REPO
from tests.hub.test_modelscope import REPO as MODELSCOPE_REPO
from tests.hub.test_modelscope import Client

from zhinao import hub as zhinao_hub
from zhinao.errors import CheckpointError, DownloadError, ZhinaoError
from zhinao.hub import cache, http
from zhinao.hub.download import Expected, download
from zhinao.progress import quiet

KEY = "outside/authorized_keys"
NAMES = [
    f"../../../{KEY}", f"../../../{KEY}.json", f"vocab/../../../../{KEY}.tiktoken", "/nowhere/x.json", "C:\\x.json",
    "..\\..\\x.json", "a\0b.json", "~/x.json",
]  # fmt: skip


@pytest.fixture
def outside(home):
    """What must stay as it is: where `../../../outside` leads to from the folder that a model is fetched into."""
    file = home.parent / KEY
    file.parent.mkdir()
    file.write_text("mine")
    yield file
    assert file.read_text() == "mine" and [path.name for path in file.parent.iterdir()] == ["authorized_keys"]


def fetched(hub) -> list[str]:
    return [path for path, _ in hub.requests if "/resolve/" in path]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_listing_with_a_name_that_leaves_is_refused_before_anything_is_fetched(hub, outside, name):
    hub.repos[REPO] |= {name: b"evil"}
    index = json.loads(hub.repos[REPO]["model.safetensors.index.json"])
    index["weight_map"]["lm_head.weight"] = name
    hub.repos[REPO]["model.safetensors.index.json"] = json.dumps(index).encode()
    for fetch in (zhinao_hub.resolve, zhinao_hub.resolve_tokenizer):
        with pytest.raises(CheckpointError, match="outside of the model's folder"):
            fetch(REPO, progress=quiet)
    assert fetched(hub) == [] and not cache.kept()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_same_from_modelscope(monkeypatch, tiny_files, outside, name):
    client = Client({**tiny_files, name: b"evil"})
    monkeypatch.setitem(sys.modules, "modelscope_hub", client)
    with pytest.raises(CheckpointError, match="outside of the model's folder"):
        zhinao_hub.resolve(MODELSCOPE_REPO, source="modelscope", progress=quiet)
    assert client.asked == []


@pytest.mark.parametrize(
    "name", ["modeling_evil.py", "evil.bin", "../x", "con.safetensors", "x.safetensors.", 7, ["a"], None]
)
def test_an_index_gets_weights_only(hub, name):
    hub.repos[REPO] |= {str(name).replace("../", ""): b"import os"}
    index = json.dumps({"weight_map": {"a": name, "b": "model-00001-of-00002.safetensors"}})
    hub.repos[REPO]["model.safetensors.index.json"] = index.encode()
    with pytest.raises(CheckpointError, match="does not have"):
        zhinao_hub.resolve(REPO, progress=quiet)
    assert not any(path.endswith((".py", ".bin", ".safetensors", ".")) for path in fetched(hub))


def test_only_files_of_known_kinds_with_plain_names_come(hub):
    taken = {"generation_config.json", "additional_chat_templates/tool_use.jinja"}
    left = {
        "a.py", "vocab/b.py", "run.sh", ".bashrc", "c.so", "adapter_config.json", "zhinao-origin.json", "zhinao-small-files",
        "con.json", "x.json.", "y" * 300 + ".json", "below/config.json", "z\x1b[2J.json", "d.pkl",
    }  # fmt: skip
    hub.repos[REPO] |= dict.fromkeys(taken | left, b"{}")
    folder = zhinao_hub.resolve(REPO, progress=quiet).path
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert taken <= here and not (left - {"zhinao-origin.json"}) & here
    assert cache.origin(folder)["id"] == REPO


@pytest.mark.parametrize("name", ["config.json", "vocab"])
def test_no_link_is_written_through(hub, outside, name):
    place = cache.staging(REPO) / name
    place.parent.mkdir(parents=True)
    place.symlink_to(outside if name == "config.json" else outside.parent)
    if name == "config.json":
        assert zhinao_hub.resolve(REPO, progress=quiet).path.is_dir()
    else:
        with pytest.raises(CheckpointError, match="a link leads out"):
            zhinao_hub.resolve(REPO, progress=quiet)


def test_masses_of_small_files_are_refused(hub):
    hub.repos[REPO] |= {f"{number}.json": b"{}" for number in range(1001)}
    with pytest.raises(CheckpointError, match="beside the weights"):
        zhinao_hub.resolve(REPO, progress=quiet)
    assert fetched(hub) == []


def test_a_server_that_never_ends_is_left(hub_server, tmp_path):
    hub_server.repos["a/b"] = {"file": bytes(10**7)}
    with pytest.raises(DownloadError, match="not what the server announced"):
        download(lambda: (f"{hub_server.url}/plain/a/b/file", {}), tmp_path / "out", Expected(1000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://x"])
def test_only_http_is_opened(address, hub_server, tmp_path, monkeypatch):
    with pytest.raises(http.RefusedError, match="only http and https"):
        http.open_url(address, {}, "x")
    monkeypatch.setattr(hub_server, "_answer", lambda request: hub_server._end(request, 302, {"Location": address}))
    with pytest.raises(http.RefusedError, match="only http and https"):
        download(lambda: (f"{hub_server.url}/x", {}), tmp_path / "out", Expected())
    assert list(tmp_path.glob("out")) == []


@pytest.mark.parametrize(
    ("old", "new", "is_kept"),
    [
        ("https://hub/a", "https://hub/b", True),
        ("https://hub/a", "http://hub/b", False),  # in the clear
        ("https://hub/a", "https://cdn/b", False),
        ("https://hub/a", "https://hub:8443/b", False),
        ("https://hub/a", "https://hub@cdn/b", False),
    ],
)
def test_a_token_is_for_one_host_and_not_in_the_clear(old, new, is_kept):
    import urllib.request

    request = urllib.request.Request(old, headers={"Authorization": "Bearer secret"})
    followed = http._Redirects().redirect_request(request, None, 302, "Found", {}, new)
    assert followed.has_header("Authorization") == is_kept


@pytest.mark.parametrize("content", ["[]", '{"name": 7}', '{"name": "x", "files": []}', "[" * 100_000, "\xff"])
def test_a_folder_may_say_anything_of_its_origin(tiny_files, tmp_path, content):
    for name, data in tiny_files.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(data)
    (tmp_path / "model" / cache.ORIGIN).write_text(content, encoding="latin-1")
    assert zhinao_hub.resolve(str(tmp_path / "model"), progress=quiet).name == "model"


@pytest.mark.parametrize("name", ["../other/model.safetensors", "/etc/hostname", "modeling.py", 7])
def test_the_index_of_a_local_folder_names_weights_in_it(tiny_files, tmp_path, name):
    folder = tmp_path / "model"
    for file in ("config.json", *(name for name in tiny_files if name.endswith(".safetensors"))):
        (tmp_path / "other").mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True)
        (folder / file).write_bytes(tiny_files[file])
    (tmp_path / "other/model.safetensors").write_bytes(b"x")
    (folder / "modeling.py").write_bytes(b"x")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ZhinaoError, match="weight_map"):
        zhinao_hub.resolve(str(folder), progress=quiet)


ODD = {"name": {"rfilename": None}, "size": {"size": "x"}, "negative": {"size": -1}, "hash": {"blob_id": "../../../x"}}


@pytest.mark.parametrize("odd", ODD)
def test_a_listing_may_say_anything(hub, monkeypatch, odd):
    from zhinao.hub import huggingface

    sibling = SimpleNamespace(**{"rfilename": "config.json", "lfs": None, "size": 1, "blob_id": "0" * 40} | ODD[odd])
    weights = SimpleNamespace(rfilename="model.safetensors", lfs=None, size=1, blob_id="0" * 40)
    info = SimpleNamespace(sha="0" * 40, siblings=[sibling, weights])
    monkeypatch.setattr(huggingface, "_model_info", lambda *_: info)
    with pytest.raises(CheckpointError, match="outside of the model's folder" if odd == "name" else "neither a size"):
        zhinao_hub.resolve(REPO, progress=quiet)
    assert fetched(hub) == []
