"""Models from a hub: what is taken, continued after a kill, checked, and refused."""

import json
import os
import shutil
import signal
import threading
import time

import pytest
from tests.hub.conftest import REPO

from zhinao import hub as zhinao_hub
from zhinao.errors import CheckpointError, DiskError, DownloadError, ModelNotFoundError
from zhinao.hub import cache
from zhinao.progress import quiet


def fetch(model=REPO, **options):
    return zhinao_hub.resolve(model, progress=quiet, **options)


def assert_nothing_published():
    assert [kept for kept in cache.kept() if kept.is_whole] == []


def test_takes_weights_and_tokenizer_but_no_code_and_no_pickle(hub, tiny_files):
    found = fetch()
    here = {p.relative_to(found.path).as_posix() for p in found.path.rglob("*") if p.is_file()}
    weights = {name for name in tiny_files if name.endswith(".safetensors")}
    assert here == weights | {
        "config.json",
        "model.safetensors.index.json",
        "tokenizer_config.json",
        "vocab/360.tiktoken",
        "zhinao-origin.json",
    }
    for name in here - {"zhinao-origin.json"}:
        assert (found.path / name).read_bytes() == tiny_files[name]
    origin = json.loads((found.path / "zhinao-origin.json").read_text())
    assert origin["source"] == "huggingface" and origin["id"] == REPO and len(origin["revision"]) == 40
    assert found.name == REPO and found.release is None


def test_a_kept_model_asks_nobody(hub):
    first = fetch()
    hub.requests.clear()
    assert fetch() == first and hub.requests == []


def test_the_token_stays_with_the_hub(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch()
    resolved = [headers for path, headers in hub.requests if "/resolve/" in path]
    elsewhere = [headers for path, headers in hub.requests if path.startswith("/cdn/")]
    assert all(h.get("authorization") == "Bearer hf_secret" for h in resolved) and resolved
    assert not any("authorization" in h for h in elsewhere) and elsewhere


def test_a_server_that_dies_in_the_middle_is_asked_again_for_the_rest(hub, tiny_files):
    hub.dies_after = 50_000
    name = max(tiny_files, key=lambda n: len(tiny_files[n]))
    found = fetch()
    assert (found.path / name).read_bytes() == tiny_files[name]
    starts = [h.get("range") for h in hub.asked(name)]
    assert starts[:2] == [None, "bytes=50000-"]


def test_a_server_that_knows_no_ranges_gives_a_whole_file_in_the_end(hub, tiny_files):
    name = max(tiny_files, key=lambda n: len(tiny_files[n]))
    hub.dies_after, hub.is_range_known = 50_000, False
    with pytest.raises(DownloadError, match="stopped at 50 kB"):
        fetch()
    hub.dies_after = None
    assert (fetch().path / name).read_bytes() == tiny_files[name]


def test_wrong_bytes_are_thrown_away(hub, tiny_files):
    name = min(n for n in tiny_files if n.endswith(".safetensors"))
    hub.wrong.add(name)
    with pytest.raises(DownloadError, match=f"{name}: not what the server announced.*hash"):
        fetch()
    assert_nothing_published()
    assert not list(cache.staging(REPO).glob(f"{name}*"))
    hub.wrong.clear()
    assert (fetch().path / name).read_bytes() == tiny_files[name]


def test_a_wrong_small_file_is_noticed_too(hub):
    hub.wrong.add("tokenizer_config.json")
    with pytest.raises(DownloadError, match=r"tokenizer_config.json: not what the server announced"):
        fetch()


def test_damaged_bytes_of_an_earlier_run_are_fetched_again(hub, tiny_files):
    name = max(tiny_files, key=lambda n: len(tiny_files[n]))
    hub.dies_after = 0
    with pytest.raises(DownloadError):
        fetch()
    hub.dies_after = 30_000
    hub.status[name] = 403
    with pytest.raises(DownloadError):
        fetch()
    (cache.staging(REPO) / name).write_bytes(b"x" * 1000)
    hub.dies_after, hub.status = None, {}
    assert (fetch().path / name).read_bytes() == tiny_files[name]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (403, DownloadError, "access refused"),
        (401, ModelNotFoundError, "or private"),
        (404, ModelNotFoundError, "or private"),
        (500, DownloadError, "HTTP 500"),
    ],
)
def test_refusals_of_the_hub_are_sentences(hub, status, error, words):
    hub.status[REPO] = status
    with pytest.raises(error, match=words) as caught:
        fetch()
    assert "Traceback" not in str(caught.value)
    assert_nothing_published()


def test_a_gated_file_says_how_to_get_in(hub):
    hub.status["config.json"] = 403
    with pytest.raises(DownloadError, match=r"config.json: access refused \(HTTP 403\)") as caught:
        fetch()
    assert "hf auth login" in caught.value.hint


def test_an_unknown_revision(hub):
    with pytest.raises(ModelNotFoundError, match="no revision v9"):
        fetch(revision="v9")


def test_a_revision_is_kept_beside_the_main_one(hub):
    assert fetch(revision="main").path != fetch().path


def test_no_network(monkeypatch, hub):
    hub.close()
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        fetch()
    assert "--source modelscope" in caught.value.hint


def test_pickles_only_are_refused_before_anything_is_fetched(hub, tiny_files):
    hub.repos[REPO] = {n: b for n, b in tiny_files.items() if not n.endswith(".safetensors")}
    with pytest.raises(CheckpointError, match=r"pickles.*any code"):
        fetch()
    assert not [path for path, _ in hub.requests if "/resolve/" in path]


def test_a_model_of_another_kind_is_refused_before_its_weights(hub):
    hub.repos[REPO]["config.json"] = b'{"model_type": "bert"}'
    with pytest.raises(CheckpointError, match="model_type 'bert'"):
        fetch()
    assert not any(path.endswith(".safetensors") for path, _ in hub.requests)


def test_a_broken_model_is_never_published(hub, tiny_files):
    config = json.loads(tiny_files["config.json"])
    hub.repos[REPO]["config.json"] = json.dumps({**config, "hidden_size": 96}).encode()
    with pytest.raises(CheckpointError, match="shape"):
        fetch()
    assert cache.kept() == []


def test_an_index_that_names_lost_files(hub):
    hub.repos[REPO]["model.safetensors.index.json"] = b'{"weight_map": {"a": "lost.safetensors"}}'
    with pytest.raises(CheckpointError, match=r"does not have \(lost.safetensors\)"):
        fetch()


def test_too_little_room_is_said_before_the_weights(hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(DiskError, match="needed"):
        fetch()
    assert not any(path.endswith(".safetensors") for path, _ in hub.requests)


def wait_for(condition, process=None):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end and (process is None or process.poll() is None), process and process.communicate()
        time.sleep(0.02)


def num_here() -> int:
    return max((p.stat().st_size for p in cache.staging(REPO).glob("*.part")), default=0)


def test_goes_on_after_a_kill(hub, tiny_files, command):
    name = max(tiny_files, key=lambda n: len(tiny_files[n]))
    hub.repos[REPO] = {n: b for n, b in tiny_files.items()}
    hub.seconds_per_block = 0.05
    killed = command("pull", REPO)
    wait_for(lambda: num_here() > 20_000, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert_nothing_published()
    hub.seconds_per_block = 0
    hub.requests.clear()
    again = command("pull", REPO)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    ranges = [h["range"] for path, h in hub.requests if path.startswith("/cdn/") and "range" in h]
    assert len(ranges) == 1 and int(ranges[0][6:-1]) > 20_000
    assert (cache.path(REPO) / name).read_bytes() == tiny_files[name]
    assert str(cache.path(REPO)) in out and f"zhinao chat {REPO}" in out


def test_ctrl_c_keeps_the_part_and_says_so(hub, command):
    hub.seconds_per_block = 0.05
    process = command("pull", REPO)
    wait_for(lambda: num_here() > 8000, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "the same command goes on" in err and "Traceback" not in err
    assert num_here() > 8000
    assert_nothing_published()


def test_two_processes_at_once_fetch_it_once(hub, command, tiny_files):
    hub.seconds_per_block = 0.01
    both = [command("pull", REPO) for _ in range(2)]
    ends = [process.communicate(timeout=60) for process in both]
    assert [p.returncode for p in both] == [0, 0], ends
    weights = [path for path, _ in hub.requests if path.startswith("/cdn/")]
    assert len(weights) == len(set(weights)) == sum(n.endswith(".safetensors") for n in tiny_files)


def test_a_second_thread_waits_and_finds_it(hub):
    hub.seconds_per_block = 0.005
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch())) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 3 and found[0] == found[1] == found[2]


def test_pull_mends_a_damaged_file_and_fetches_only_that(hub, command, tiny_files):
    fetch()
    name = max(tiny_files, key=lambda n: len(tiny_files[n]))
    content = bytearray(tiny_files[name])
    content[-5] ^= 1
    (cache.path(REPO) / name).write_bytes(content)
    os.remove(cache.path(REPO) / "tokenizer_config.json")
    hub.requests.clear()
    process = command("pull", REPO)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "damaged" in err, err
    assert (cache.path(REPO) / name).read_bytes() == tiny_files[name]
    assert [path for path, _ in hub.requests if path.startswith("/cdn/")] == [f"/cdn/{REPO}/{name}"]


def test_a_truncated_kept_file_names_the_command_that_mends(hub):
    file = sorted(fetch().path.glob("*.safetensors"))[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged") as caught:
        fetch()
    assert f"zhinao pull {REPO}" in caught.value.hint


def test_a_tokenizer_comes_without_weights(hub, tiny_files):
    found = zhinao_hub.resolve_tokenizer(REPO, progress=quiet)
    assert (found.path / "vocab/360.tiktoken").read_bytes() == tiny_files["vocab/360.tiktoken"]
    assert not list(found.path.glob("*.safetensors")) and found.name == REPO
    assert not any(path.endswith(".safetensors") for path, _ in hub.requests)
    assert_nothing_published()


def test_a_tokenizer_that_is_here_asks_nobody(hub):
    first = zhinao_hub.resolve_tokenizer(REPO, progress=quiet)
    hub.requests.clear()
    assert zhinao_hub.resolve_tokenizer(REPO, progress=quiet, offline=True) == first and hub.requests == []


def test_the_whole_model_goes_on_from_its_tokenizer(hub, tiny_files):
    begun = zhinao_hub.resolve_tokenizer(REPO, progress=quiet)
    hub.requests.clear()
    whole = fetch()
    assert not any("360.tiktoken" in path for path, _ in hub.requests)
    assert not begun.path.exists() and not (whole.path / "zhinao-small-files").exists()
    assert zhinao_hub.resolve_tokenizer(REPO) == whole


def test_no_tokenizer_without_a_network(hub):
    with pytest.raises(DownloadError):
        zhinao_hub.resolve_tokenizer(REPO, offline=True)
