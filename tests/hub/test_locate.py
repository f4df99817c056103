"""What a MODEL argument means, and the sentences for those that mean nothing."""

import shutil

import pytest
from tests.tiny import make_checkpoint

from zhinao import family, hub
from zhinao.errors import CheckpointError, DownloadError, ModelNotFoundError, UsageError
from zhinao.hub import cache
from zhinao.hub.source import from_environment, plan


def test_a_folder_is_itself(tmp_path):
    folder = make_checkpoint(tmp_path / "mine")
    found = hub.resolve(str(folder))
    assert (found.path, found.name, found.release) == (folder, "mine", None)


@pytest.mark.parametrize(("name", "short"), [("360Zhinao3-7B-O1.5", "7b-o1.5"), ("7b", "7b"), ("my-7b", None)])
def test_a_folder_named_like_a_release_is_that_release(tmp_path, name, short):
    found = hub.resolve(str(make_checkpoint(tmp_path / name)))
    assert (found.release.short if found.release else None) == short


def test_a_checkpoint_folder_wins_over_a_name_and_an_empty_one_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7b").mkdir()
    with pytest.raises(DownloadError, match="offline"):
        hub.resolve("7b", offline=True)
    make_checkpoint(tmp_path / "7b")
    assert hub.resolve("7b", offline=True).path.resolve() == tmp_path / "7b"


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("7b-instruc", "7b-instruct"),
        ("7B-O1", "7b-o1.5"),
        ("smollm", "smollm2-135m"),
        ("360Zhinao3-7B-Instruct", "7b-instruct"),
    ],
)
def test_an_unknown_name_gets_near_ones_and_all_short_names(model, near):
    with pytest.raises(ModelNotFoundError, match=f"Did you mean .*{near}") as caught:
        hub.resolve(model)
    assert all(release.short in caught.value.hint for release in family.RELEASES)


@pytest.mark.parametrize("model", ["", "qqqqqqq", "a b", "x/y z", "…"])
def test_nonsense_is_a_sentence(model):
    with pytest.raises((ModelNotFoundError, CheckpointError)):
        hub.resolve(model)


@pytest.mark.parametrize("model", ["./nowhere", "/no/where", "nowhere.gguf", "~/no-such-folder-here", "a/b/c"])
def test_a_path_that_is_not_there(model):
    with pytest.raises(ModelNotFoundError, match="no such file or folder"):
        hub.resolve(model)


def test_a_folder_that_is_no_checkpoint_says_what_may_be_meant(tmp_path):
    with pytest.raises(CheckpointError, match="no model checkpoint"):
        hub.resolve(str(tmp_path))
    make_checkpoint(tmp_path / "inner")
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(tmp_path))
    assert "inner" in caught.value.hint
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(tmp_path))
    assert "adapter" in caught.value.hint and "--merge True" in caught.value.hint
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(tmp_path))
    assert "an adapter of some/base" in caught.value.hint
    make_checkpoint(tmp_path / "merged")
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(tmp_path))
    assert caught.value.hint.endswith(str(tmp_path / "merged"))
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(tmp_path))
    assert "a.gguf" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04"])
def test_a_file_that_is_neither(tmp_path, content):
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(CheckpointError, match="neither a checkpoint folder nor a GGUF file"):
        hub.resolve(str(tmp_path / "model.bin"))


def test_the_weights_file_alone_points_to_its_folder(tmp_path):
    folder = make_checkpoint(tmp_path / "mine")
    with pytest.raises(CheckpointError) as caught:
        hub.resolve(str(folder / "model.safetensors"))
    assert str(folder) in caught.value.hint


def test_a_damaged_folder_is_noticed(tmp_path):
    file = make_checkpoint(tmp_path / "mine") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        hub.resolve(str(tmp_path / "mine"))


def test_case_of_a_short_name_or_hub_id_does_not_matter(tmp_path):
    make_checkpoint(cache.path("7b-o1.5"))
    for name in ("7B-O1.5", "qihoo360/360zhinao3-7b-o1.5", "qihoo360/360Zhinao3-7B-O1.5"):
        found = hub.resolve(name, offline=True)
        assert (found.path, found.name, found.release.short) == (cache.path("7b-o1.5"), "7b-o1.5", "7b-o1.5")


def test_a_kept_model_goes_by_its_listed_name():
    make_checkpoint(cache.path("gguf-x-0123456789"))
    assert hub.resolve("gguf-x-0123456789").path == cache.path("gguf-x-0123456789")
    shutil.rmtree(cache.path("gguf-x-0123456789"))
    with pytest.raises(ModelNotFoundError):
        hub.resolve("gguf-x-0123456789")


def test_an_unknown_source(tmp_path):
    with pytest.raises(UsageError, match="'nowhere' is not one of huggingface, modelscope"):
        hub.resolve("7b", source="nowhere")


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({}, "huggingface"),
        ({"ZHINAO_SOURCE": "ModelScope"}, "modelscope"),
        ({"VLLM_USE_MODELSCOPE": "True"}, "modelscope"),
        ({"USE_MODELSCOPE_HUB": "1"}, "modelscope"),
        ({"USE_MODELSCOPE_HUB": "0"}, "huggingface"),
        ({"ZHINAO_SOURCE": "huggingface", "VLLM_USE_MODELSCOPE": "1"}, "huggingface"),
    ],
)
def test_the_source_by_the_environment(environment, source):
    assert from_environment(environment) == source


def test_a_mistyped_source_in_the_environment():
    with pytest.raises(UsageError, match="ZHINAO_SOURCE"):
        from_environment({"ZHINAO_SOURCE": "modelscop"})


def test_the_demo_comes_from_its_wheel_unless_a_hub_is_asked_for():
    demo = family.find(family.DEMO)
    assert plan(demo.short, demo, None, None).name == demo.short
    assert plan(demo.short, demo, "huggingface", None).name == demo.hub_id
    assert plan(demo.hub_id, demo, None, None).name == demo.hub_id


def test_a_kept_revision_is_still_its_release():
    make_checkpoint(cache.path("7b-o1.5@v1"))
    found = hub.resolve("7b-o1.5", revision="v1", offline=True)
    assert (found.name, found.release.short) == ("7b-o1.5@v1", "7b-o1.5")
    assert hub.resolve("7b-o1.5@v1") == found
