"""Stop ids and sampling defaults of a checkpoint."""

import json

import pytest

from tests.tiny_tokenizer import make_tokenizer
from zhinao import family
from zhinao.engine.base import Sampling
from zhinao.errors import CheckpointError
from zhinao.model import defaults
from zhinao.model.tokenizer import Tokenizer

RELEASE = family.find("7b-instruct")


@pytest.fixture
def folder(tmp_path):
    return make_tokenizer(tmp_path)


def read(folder, release=None, **config):
    if config:
        (folder / "generation_config.json").write_text(json.dumps(config))
    return defaults.read(folder, Tokenizer.load(folder), release)


def test_all_three_stop_tokens_without_any_file(folder):
    assert read(folder).stop_ids == (303, 309, 310)  # <eod>, <|im_start|>, <|im_end|>


def test_stop_tokens_of_the_file_are_added(folder):
    assert read(folder, eos_token_id=7).stop_ids == (7, 303, 309, 310)
    assert read(folder, eos_token_id=[7, 310]).stop_ids == (7, 303, 309, 310)


def test_only_tokens_that_the_tokenizer_has(tmp_path):
    Tokenizer.load(make_tokenizer(tmp_path / "source")).save(tmp_path)
    file = tmp_path / "tokenizer.json"
    file.write_text(file.read_text().replace("<|im_start|>", "<|other|>").replace("<|im_end|>", "<|another|>"))
    assert read(tmp_path).stop_ids == (303,)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"temperature": 1.0, "top_p": 0.8}),  # the release's
        ({"eos_token_id": 303}, {"temperature": 1.0, "top_p": 0.8}),
        (
            {"do_sample": True, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.05},
            {"temperature": 0.7, "top_k": 20, "repetition_penalty": 1.05},
        ),
        ({"temperature": 0.6, "top_p": None}, {"temperature": 0.6}),
        (
            {"do_sample": False, "temperature": 0.7, "repetition_penalty": 1.1},
            {"temperature": 0.0, "repetition_penalty": 1.1},
        ),
        ({"do_sample": True}, {"temperature": 1.0, "top_p": 0.8}),
    ],
)
def test_sampling(folder, config, expected):
    found = read(folder, RELEASE, **config).sampling
    assert found == expected and Sampling(**found)


def test_whose_sampling_it_is(folder, tmp_path):
    assert read(folder, RELEASE).sampling_source == "7b-instruct"
    assert read(folder, RELEASE, temperature=0.6).sampling_source == "generation_config.json"
    (folder / "generation_config.json").unlink()
    assert (read(folder).sampling, read(folder).sampling_source) == ({}, "")


@pytest.mark.parametrize(
    ("template", "source", "sampling"),
    [
        (
            "{{ 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}",
            "Qwen2.5",
            {"temperature": 0.7, "top_p": 0.8, "top_k": 20},
        ),
        ("{{ 'a helpful AI assistant named SmolLM' }}", "SmolLM2", {"temperature": 0.2, "top_p": 0.9}),
        ("{{ '<｜User｜>' }}{{ '<｜Assistant｜>' }}", "DeepSeek-R1", {"temperature": 0.6, "top_p": 0.95}),
        ("{{ messages }}", "", {}),
    ],
)
def test_without_any_defaults_the_maker_of_the_template_is_asked(folder, template, source, sampling):
    (folder / "chat_template.jinja").write_text(template)
    found = read(folder, eos_token_id=7)  # as a GGUF file leaves it
    assert (found.sampling_source, found.sampling) == (source, sampling) and Sampling(**found.sampling)
    assert read(folder, temperature=0.1).sampling == {"temperature": 0.1}


def test_a_release_is_not_changed_through_its_defaults(folder):
    read(folder, RELEASE).sampling["temperature"] = 99
    assert RELEASE.sampling["temperature"] == 1.0


@pytest.mark.parametrize(
    "config", [{"eos_token_id": "x"}, {"eos_token_id": [True]}, {"temperature": "hot"}, {"top_k": True}]
)
def test_values_that_cannot_be_meant(folder, config):
    with pytest.raises(CheckpointError, match=rf"generation_config\.json: {next(iter(config))}"):
        read(folder, **config)


def test_a_broken_file(folder):
    (folder / "generation_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"generation_config\.json: damaged"):
        read(folder)
