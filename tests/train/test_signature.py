"""Under DeepSpeed a run goes on from its user's own checkpoints; a stranger's is refused before anything of it is opened."""

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from zhinao.errors import UsageError
from zhinao.train.loop import record, signature
from zhinao.train.loop.checkpoints import STATE


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    folder = tmp_path / "run/checkpoint-2"
    (folder / "global_step2").mkdir(parents=True)
    (folder / STATE).write_text("{}")
    (folder / "latest").write_text("global_step2")
    (folder / "global_step2/states.bin").write_bytes(b"pickle")
    (folder / "model.safetensors").write_bytes(bytes(8))
    return folder


def settings(folder: Path, **more) -> SimpleNamespace:
    given = {
        "output_dir": str(folder.parent),
        "resume": str(folder),
        "deepspeed": None,
        "parallel": "zero2",
        "trust_checkpoint": False,
    }
    return SimpleNamespace(**{**given, **more})


@pytest.fixture(autouse=True)
def _whole(monkeypatch):
    monkeypatch.setattr(record.checkpoints, "damage", lambda *_: None)


def test_ones_own_goes_on_wherever_it_is_moved(checkpoint, tmp_path):
    signature.write(checkpoint)
    assert record.start_from(settings(checkpoint)) == checkpoint
    moved = (tmp_path / "run").rename(tmp_path / "moved") / "checkpoint-2"
    assert record.start_from(settings(moved)) == moved


def test_a_strangers_is_refused(checkpoint, home):
    with pytest.raises(UsageError, match="pickles, which can run any code") as caught:
        record.start_from(settings(checkpoint))
    assert "--trust_checkpoint True" in caught.value.hint
    signature.write(checkpoint)  # with the stranger's key
    (home / "checkpoint.key").unlink()
    with pytest.raises(UsageError, match="not saved by you"):
        record.start_from(settings(checkpoint))
    assert record.start_from(settings(checkpoint, trust_checkpoint=True)) == checkpoint


CHANGES = {
    "a changed file": lambda folder: (folder / "global_step2/states.bin").write_bytes(b"evil"),
    "a further file": lambda folder: (folder / "global_step2/more.pt").write_bytes(b"evil"),
    "another name": lambda folder: (folder / "global_step2").rename(folder / "global_step3"),
    "where to look": lambda folder: (folder / "latest").write_text("../../evil"),
    "no file": lambda folder: (folder / "global_step2/states.bin").unlink(),
    "a signature that is none": lambda folder: (folder / signature.FILE).write_text("[]"),
    "deep JSON": lambda folder: (folder / signature.FILE).write_text("[" * 60_000),
    "no text": lambda folder: (folder / signature.FILE).write_text(json.dumps({"hmac": 7})),
    "odd text": lambda folder: (folder / signature.FILE).write_text(json.dumps({"hmac": "é\ud800"})),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_refused(checkpoint, change):
    signature.write(checkpoint)
    CHANGES[change](checkpoint)
    with pytest.raises(UsageError, match="changed since"):
        record.start_from(settings(checkpoint))


def test_without_deepspeed_nothing_is_asked(checkpoint):
    assert record.start_from(settings(checkpoint, parallel=None)) == checkpoint


def test_the_key_is_for_its_owner_alone(checkpoint, home):
    old = os.umask(0)
    try:
        signature.write(checkpoint)
    finally:
        os.umask(old)
    assert stat.S_IMODE((home / "checkpoint.key").stat().st_mode) == 0o600
    assert len((home / "checkpoint.key").read_bytes()) == 32


def test_transformers_opens_no_pickle_of_a_plain_run():
    """Optimizer, schedule, random states and scaler: by `weights_only`. Looked for in the installed version."""
    import re

    transformers = pytest.importorskip("transformers")
    source = (Path(transformers.__file__).parent / "trainer.py").read_text(encoding="utf-8")
    calls = [source[found.start() : found.start() + 300] for found in re.finditer(r"torch\.load\(", source)]
    assert calls and all("weights_only=True" in call for call in calls)
