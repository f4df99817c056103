"""An output folder with what no run wrote is refused; a new one, an empty one, a run's own and one with the shell's log are not."""

import json

import pytest

from zhinao.errors import UsageError
from zhinao.train.loop import foreign_folder


def filled(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "a.gguf", "LICENSE", "tokenizer.json", "README.md", "run.html"],
)  # fmt: skip
def test_what_would_be_lost_is_named(tmp_path, name):
    (folder := tmp_path / "out").mkdir()
    (folder / name).touch()
    with pytest.raises(UsageError, match=f"no folder of a run; what stands there could be overwritten: {name}"):
        foreign_folder.check(folder)


def test_settings_of_another_program_make_no_run(tmp_path):
    for name in ("settings.json", "run.json"):
        with pytest.raises(UsageError, match=name):
            foreign_folder.check(filled(tmp_path / name.removesuffix(".json"), **{name: '["font"]'}))


def test_where_the_user_stands(tmp_path, monkeypatch):
    (tmp_path / "home" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home" / "project")
    foreign_folder.check(tmp_path / "home" / "project")  # an empty one is as good as a new one
    filled(tmp_path / "home" / "project", train__jsonl="{}")
    for place, name in ((".", "train.jsonl"), ("..", "project")):
        with pytest.raises(UsageError, match=f"overwritten: {name}"):
            foreign_folder.check(tmp_path / "home" / "project" / place)
    foreign_folder.check(filled(tmp_path / "data", train__jsonl="{}"))  # elsewhere nothing of it would be lost


def test_what_is_no_stranger(tmp_path, monkeypatch):
    foreign_folder.check(tmp_path / "new")
    foreign_folder.check(filled(tmp_path / "logs", **{"nohup.out": "", "train.log": "", ".running": ""}))
    (tmp_path / "logs" / "logs").mkdir()  # the launcher's
    monkeypatch.chdir(tmp_path / "logs")
    foreign_folder.check(tmp_path / "logs")
    own = json.dumps({"settings": {}, "num_processes": 1, "data": "", "weights": ""})
    foreign_folder.check(filled(tmp_path / "run", config__json="{}", settings__json=own))
    failed = json.dumps({"model": "m", "sessions": []})  # before its first step
    foreign_folder.check(filled(tmp_path / "failed", run__json=failed, run__html=""))
    (tmp_path / "saved" / "checkpoint-4").mkdir(parents=True)
    (tmp_path / "saved" / "checkpoint-4" / "trainer_state.json").touch()
    foreign_folder.check(filled(tmp_path / "saved", config__json="{}"))
