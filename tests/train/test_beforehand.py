"""What a run would fail at late is said before its data are read, and nothing is left behind."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from zhinao.errors import DiskError, MissingExtraError, UsageError
from zhinao.train import beforehand
from zhinao.train import run as frame
from zhinao.train.method.preference import prefer
from zhinao.train.method.supervised import train
from zhinao.train.settings import packages
from zhinao.train.settings.prefer import PreferSettings


@pytest.fixture(autouse=True)
def _nothing_is_read(monkeypatch):
    def read(*_, **__):
        raise AssertionError("the model was looked for")

    monkeypatch.setattr("zhinao.hub.resolve", read)


@pytest.fixture(params=["finetune", "prefer"])
def start(request, settings):
    """Both kinds of run, up to where the model is looked for."""

    def begin(**more):
        given = {name: value for name, value in vars(settings(**more)).items() if name not in ("train_on", "overlong")}
        return prefer(PreferSettings(**given)) if request.param == "prefer" else train(settings(**more))

    return begin


def test_a_good_run_gets_as_far_as_its_model(start):
    with pytest.raises(AssertionError, match="looked for"):
        start()


@pytest.mark.parametrize("inside", ["", "/deeper/run"])
def test_output_that_is_no_folder(start, tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UsageError, match="file is no folder"):
        start(output_dir=f"{file}{inside}")
    assert file.read_text() == "mine"


def test_output_that_is_the_model(start, tiny, tmp_path):
    (tmp_path / "link").symlink_to(tiny)
    before = (tiny / "config.json").read_bytes()
    for place in (tiny, tmp_path / "link"):
        with pytest.raises(UsageError, match="holds the model that is to be trained"):
            start(output_dir=str(place))
    assert (tiny / "config.json").read_bytes() == before


def test_output_that_holds_another_model(start, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "model.safetensors").write_text("mine")
    with pytest.raises(UsageError, match=r"no folder of a run.*: model\.safetensors") as error:
        start(output_dir=str(tmp_path / "theirs"))
    assert "--output_dir runs/first" in error.value.hint
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["model.safetensors"]


def test_what_the_model_does_not_allow_is_said_before_the_data_are_read(start, tiny, tmp_path, monkeypatch):
    def read(*_, **__):
        raise AssertionError("the data were read")

    monkeypatch.setattr("zhinao.hub.resolve", lambda name: SimpleNamespace(path=tiny, name=name))
    monkeypatch.setattr("zhinao.train.method.rows.prepare", read)
    monkeypatch.setattr("zhinao.train.method.preference.prepare", read)
    with pytest.raises(AssertionError, match="data were read"):
        start()
    with pytest.raises(UsageError, match="--model_max_length is 1024; the model knows 512 positions"):
        start(model_max_length=1024)
    with pytest.raises(UsageError, match="--lora_targets: the model has no gate"):
        start(method="lora", lora_targets=("gate",))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    with pytest.raises(DiskError, match=r"are needed, 1\.0 MB are free") as error:
        start()
    assert "--output_dir" in error.value.hint and "ZHINAO_HOME" not in error.value.hint
    assert not (tmp_path / "run").exists()


def test_what_was_left_open_is_decided_once(start, tiny, monkeypatch):
    from zhinao.train.loop import training_arguments

    calls, original = [], training_arguments.decided
    monkeypatch.setattr(training_arguments, "decided", lambda settings: calls.append(settings) or original(settings))
    monkeypatch.setattr("zhinao.hub.resolve", lambda name: SimpleNamespace(path=tiny, name=name))
    prepared = frame.Prepared(None, None, "", np.array([]), 0)
    monkeypatch.setattr("zhinao.train.method.preference.prepare", lambda *_: prepared)
    monkeypatch.setattr("zhinao.train.method.rows.prepare", lambda *_: prepared)
    monkeypatch.setattr("zhinao.train.method.rows.sentences", lambda _: [])
    monkeypatch.setattr(frame, "_learn", lambda run, _: run.settings)
    assert start(learning_rate=None, bf16=None).learning_rate and len(calls) == 1


def test_output_that_leads_nowhere(start, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="link is no folder"):
        start(output_dir=str(tmp_path / "link"))


def test_output_that_cannot_be_written(start, tmp_path, monkeypatch):
    def full(**_):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(beforehand.tempfile, "TemporaryFile", full)
    with pytest.raises(DiskError, match="cannot be written"):
        start(output_dir=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_packages_and_names(start, monkeypatch):
    with pytest.raises(UsageError, match="wandbb"):
        start(report_to=("wandbb",))
    monkeypatch.setattr(packages, "is_installed", lambda package: package != "wandb")
    with pytest.raises(MissingExtraError, match="pip install wandb"):
        start(report_to=("wandb",))


def test_a_deepspeed_file(start, tmp_path):
    file = tmp_path / "ds.json"
    file.write_text('{"train_batch_size": 64}')
    with pytest.raises(UsageError, match="train_batch_size is 64"):
        start(deepspeed=str(file))


def test_devices(start):
    with pytest.raises(UsageError, match="--fp16 needs a GPU"):
        start(fp16=True)
    with pytest.raises(UsageError, match="on a GPU"):
        start(method="qlora")


def test_what_nobody_foresaw_is_a_sentence_too(settings, monkeypatch):
    from zhinao.train.loop import training_arguments

    def refuse(**_):
        raise ValueError("no such thing")

    with pytest.raises(UsageError, match="transformers refuses these settings: no such thing"):
        training_arguments.of(settings(), False, refuse)
