"""Kept graphs: built once, whole or absent, renewed when the checkpoint changes, shared by processes."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.tiny import make_checkpoint
from zhinao import engine as engines
from zhinao import files
from zhinao.engine.base import Sampling
from zhinao.engine.openvino import build as openvino_build
from zhinao.errors import CheckpointError, DiskError
from zhinao.model.checkpoint import Checkpoint


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def checkpoint(home, tmp_path):
    return Checkpoint(make_checkpoint(tmp_path / "tiny", head_dim=16))


def build(checkpoint, quant="int8"):
    """The folder, and the fractions that were told while it was built."""
    told = []
    return openvino_build.compiled(checkpoint, quant, lambda fraction, sentence: told.append(fraction)), told


def everything(home):
    return sorted(path.name for path in (home / "compiled").iterdir() if not path.name.endswith(".lock"))


def test_built_once_and_told_from_start_to_end(checkpoint, home):
    folder, told = build(checkpoint)
    assert told[0] == 0 and told[-1] == 1 and told == sorted(told) and len(told) == 4
    assert build(checkpoint) == (folder, [])
    assert everything(home) == [folder.name] and folder.name.startswith("tiny-int8-")
    source = json.loads((folder / "source.json").read_text())
    assert source["model"] == str(checkpoint.folder.resolve())
    assert (source["quant"], source["format"]) == ("int8", openvino_build.FORMATS["int8"])


def test_formats_live_side_by_side_and_a_changed_checkpoint_replaces_its_own(checkpoint, home):
    int8, bf16 = build(checkpoint)[0], build(checkpoint, "bf16")[0]
    assert (bf16 / "openvino_model.bin").stat().st_size > (int8 / "openvino_model.bin").stat().st_size
    make_checkpoint(checkpoint.folder, head_dim=16, seed=1)
    os.utime(checkpoint.folder / "model.safetensors", (1, 1))
    new, told = build(Checkpoint(checkpoint.folder))
    assert told and everything(home) == sorted([bf16.name, new.name]) and new != int8


def without_counters(data: bytes) -> bytes:
    """Names of nodes end in a number that goes on through all graphs of a process."""
    return re.sub(rb"_\d+", b"_", data)


@pytest.mark.parametrize("name", ["openvino_model.bin", "openvino_model.xml", "source.json"])
@pytest.mark.parametrize("damage", ["shorten", "remove", "empty"])
def test_a_damaged_graph_is_noticed_and_built_again(checkpoint, home, caplog, name, damage):
    folder, _ = build(checkpoint)
    whole = (folder / name).read_bytes()
    if damage == "remove":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(whole[: len(whole) // 2 if damage == "shorten" else 0])
    again, told = build(checkpoint)
    assert again == folder and told and everything(home) == [folder.name]
    assert openvino_build._is_whole(folder)
    assert abs(len(without_counters((folder / name).read_bytes())) - len(without_counters(whole))) < 100
    assert "damaged" in caplog.text and str(folder) in caplog.text


def test_a_graph_whose_text_was_changed_is_noticed(checkpoint):
    folder, _ = build(checkpoint)
    xml = folder / "openvino_model.xml"
    whole = xml.read_text()
    xml.write_text(whole.replace("MatMul", "matMul"))
    assert build(checkpoint)[1] and "matMul" not in xml.read_text()


def test_ctrl_c_in_the_middle_leaves_nothing(checkpoint, home):
    def interrupt(fraction, sentence):
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        openvino_build.compiled(checkpoint, "int8", interrupt)
    assert everything(home) == []
    assert build(checkpoint)[1], "and the lock is free"


def test_what_a_killed_build_left_is_removed(checkpoint, home):
    folder, _ = build(checkpoint)
    (folder / "source.json").unlink()
    left = folder.with_name(f".{folder.name}{files.PARTIAL}123-abc")
    left.mkdir()
    (left / "openvino_model.bin").write_bytes(b"half")
    build(checkpoint)
    assert everything(home) == [folder.name]


def test_no_room_on_the_disk(checkpoint, home, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(DiskError, match="needed"):
        build(checkpoint)
    assert everything(home) == []


def test_a_home_that_cannot_be_written(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "file"))
    with pytest.raises(DiskError, match=r"file/compiled"):
        build(checkpoint)


def test_weights_that_are_no_numbers(checkpoint, home):
    info = checkpoint.stored["model.layers.1.mlp.up_proj.weight"]
    array = np.memmap(info.file, "<f4", "r+", info.offset, info.shape)
    array[3, 4] = np.nan
    array.flush()
    with pytest.raises(CheckpointError, match=r"layers\.1\.mlp\.up_proj\.weight holds NaN"):
        build(checkpoint)
    assert everything(home) == []


OPENER = """
import sys
from pathlib import Path
from zhinao import engine
from zhinao.engine.base import Sampling

with engine.open(Path(sys.argv[1]), engine="openvino", progress=lambda f, s: print("building")) as engine:
    print(sum(len(c.ids) for c in engine.generate([1, 2], Sampling(max_tokens=4))))
"""


def test_two_processes_at_once_build_once(checkpoint, home):
    words = [sys.executable, "-c", OPENER, str(checkpoint.folder)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [words[-1] for words in said] == ["4", "4"]
    assert sorted(len(words) for words in said) == [1, 5], "one builds, the other waits"


def test_a_graph_replaced_under_a_running_engine_does_not_harm_it(checkpoint, home):
    with engines.open(checkpoint.folder, engine="openvino") as engine:
        engine.wait_until_ready()
        before = [chunk.ids for chunk in engine.generate([1, 2], Sampling(temperature=0, max_tokens=4))]
        (next((home / "compiled").glob("tiny-*")) / "source.json").unlink()
        build(checkpoint)
        assert [chunk.ids for chunk in engine.generate([1, 2], Sampling(temperature=0, max_tokens=4))] == before
