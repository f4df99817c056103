"""Suggestions for mistyped words: what is near, and nothing else."""

import dataclasses
import time

import pytest

from zhinao import family
from zhinao.near import near
from zhinao.train.settings.optimizers import OPTIMIZERS
from zhinao.train.settings.settings import TrainSettings

FLAGS = ("--lang", "--help", *(f"--{one.name}" for one in dataclasses.fields(TrainSettings)))
MODELS = tuple(release.short for release in family.RELEASES)


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("adamwx", OPTIMIZERS, "adamw_torch"),
        ("adamw_torchh", OPTIMIZERS, "adamw_torch"),
        ("lyon", OPTIMIZERS, None),
        ("--packing", FLAGS, None),
        ("nonsense", FLAGS, None),
        ("--learningrate", FLAGS, "--learning_rate"),
        ("--batch-size", FLAGS, "--per_device_train_batch_size"),
        ("--output", FLAGS, "--output_dir"),
        ("--lr", FLAGS, None),
        ("--bf6", FLAGS, "--bf16"),
        ("7B_instruct", MODELS, "7b-instruct"),
        ("smolm", MODELS, "smollm2-135m"),
        ("llama", MODELS, None),
        ("", MODELS, None),
        ("dop", ("dpo", "nca"), "dpo"),
        ("chta", ("chat", "check-api"), "chat"),
        ("hi", ("host", "hf"), None),
    ],
)
def test_only_what_is_near_is_named(word, known, meant):
    assert near(word, known) == ([meant] if meant else [])


def test_nearest_first_and_no_more_than_asked_for():
    assert near("lora_r", ["lora_alpha", "lora_rank", "lora"], 2) == ["lora_rank", "lora"]


def test_a_word_of_any_length_costs_nothing():
    start = time.perf_counter()
    assert near("x" * 10**6, FLAGS) == []
    assert time.perf_counter() - start < 1
