"""Whole runs of preference tuning on a tiny model: what is learned, what is left behind, and going on after a kill."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.train.conftest import losses
from zhinao import cli
from zhinao.train.method.preference import prefer, prepare
from zhinao.train.settings.prefer import PreferSettings

WAYS = {
    "copy": {},
    "precomputed": {"reference": "precomputed"},
    "lora": {"method": "lora", "lora_rank": 4, "lora_dropout": 0.1, "loss": "nca"},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    answers = [(f"It is {2 * n}.", "No idea " * (1 + n % 3)) for n in range(10)]
    records = [
        {"prompt": f"What is {n}+{n}?", "chosen": good, "rejected": bad} for n, (good, bad) in enumerate(answers)
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in records))
    return file


@pytest.fixture
def given(tiny, pairs):
    """Settings as plain values, as a process of its own takes them."""

    def make(folder: Path, **more) -> dict:
        return {
            "model_name_or_path": str(tiny), "data_path": [str(pairs)], "output_dir": str(folder), "model_max_length": 256,
            "bf16": False, "use_cpu": True, "learning_rate": 1e-3, "max_steps": 10, "save_steps": 4, "sample_tokens": 0,
            "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "gradient_checkpointing": False, **more,
        }  # fmt: skip

    return make


def settings_of(given: dict) -> PreferSettings:
    return PreferSettings(**{**given, "data_path": tuple(given["data_path"])})


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(next(folder.glob("*model.safetensors")))


def test_adapters_on_16_bits_learn_and_answer(given, in_bf16, tmp_path):
    changes = {**WAYS["lora"], "bf16": True, "merge": True, "sample_tokens": 4, "loss": "dpo", "learning_rate": 1e-2}
    values = given(tmp_path, model_name_or_path=str(in_bf16), eval_share=0.2, eval_steps=5, **changes)
    assert prefer(settings_of(values)).is_finished
    found = losses(tmp_path)
    assert found[0] == pytest.approx(math.log(2), abs=1e-3) and found[-1] < 0.5 * found[0]
    assert (tmp_path / "samples.jsonl").read_text() and (tmp_path / "merged" / "model.safetensors").exists()


def test_a_run_learns_and_leaves_a_model_that_loads(given, tiny, tmp_path):
    outcome = prefer(settings_of(given(tmp_path, max_steps=20, eval_share=0.2, eval_steps=20, save_steps=20)))
    assert outcome.is_finished and outcome.num_steps == 20
    found = losses(tmp_path)
    assert found[0] == pytest.approx(math.log(2), abs=1e-6)
    assert found[-1] < 0.5 * found[0]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    last = {name: value for line in logged for name, value in line.items()}
    assert last["rewards/margins"] > 1 and last["eval_rewards/margins"] > 1 and last["eval_loss"] < 0.5
    assert logged[0]["num_documents"] == 8  # two answers a pair, four pairs a step
    before, after = weights(tiny), weights(tmp_path)
    assert before.keys() == after.keys()
    assert json.loads((tmp_path / "config.json").read_text()).get("pad_token_id") is None  # as it was
    assert len(json.loads((tmp_path / "generation_config.json").read_text())["eos_token_id"]) == 3
    assert not (tmp_path / "README.md").exists()
    assert (tmp_path / "run.html").exists()


def test_the_best_by_what_is_measured_of_preferences(given, tmp_path):
    """Rewards are in TRL's log only, not in what its evaluation returns."""
    by = {"metric_for_best_model": "rewards/margins", "load_best_model_at_end": True}
    values = given(tmp_path, max_steps=6, eval_share=0.2, eval_steps=2, save_strategy="no", training_arguments=by)
    assert prefer(settings_of(values)).is_finished
    lines = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    margins = {line["step"]: line["eval_rewards/margins"] for line in lines if "eval_rewards/margins" in line}
    step = max(margins, key=margins.get)
    delivered = json.loads((tmp_path / "run.json").read_text())["delivered"]
    assert len(margins) == 3 and delivered == {"step": step, "last_step": 6, "metric": margins[step]}


def test_what_is_lost_is_said(given, tiny, tmp_path, capsys):
    one = given(tmp_path, max_steps=1, save_strategy="no", overlong="drop")
    longest = int(max(prepare(settings_of(one), tiny).lengths))
    prefer(settings_of({**one, "model_max_length": longest - 1}))
    assert "What is lost before the run" in capsys.readouterr().err


def test_bf16_and_checkpointing_run_too(given, tmp_path):
    prefer(settings_of(given(tmp_path, bf16=True, gradient_checkpointing=True, method="dora", max_steps=3)))
    assert losses(tmp_path)[0] == pytest.approx(math.log(2), abs=1e-6)
    assert {value.dtype for value in weights(tmp_path).values()} == {np.dtype(np.float32)}


KILLED = """
import json, os, signal, sys
from zhinao.train.method.preference import prefer, prepare
from zhinao.train.settings.prefer import PreferSettings
from zhinao.train.loop import prefer_trainer

step = prefer_trainer.PreferTrainer.compute_loss
def dying(self, *args, **more):
    if self.state.global_step == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *args, **more)
prefer_trainer.PreferTrainer.compute_loss = dying
given = json.loads(sys.argv[1])
prefer(PreferSettings(**{**given, "data_path": tuple(given["data_path"])}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", [pytest.param("copy", marks=pytest.mark.long), pytest.param("precomputed", marks=pytest.mark.long), "lora"]
)
def test_a_killed_run_goes_on_bit_for_bit(given, tmp_path, way):
    """kill -9 in step 7, in the middle of an epoch and of a step's batches; saved was step 4."""
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    one = given(broken, **WAYS[way])
    done = subprocess.run([sys.executable, "-c", KILLED, json.dumps(one)], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    assert [path.name for path in broken.glob("checkpoint-*")] == ["checkpoint-4"]
    assert not list(broken.glob("*model.safetensors"))
    assert prefer(settings_of({**one, "resume": "auto"})).is_finished
    prefer(settings_of(given(whole, **WAYS[way])))
    assert losses(broken) == losses(whole)
    found, expected = weights(broken), weights(whole)
    assert found.keys() == expected.keys()
    for tensor in expected:
        assert np.array_equal(found[tensor], expected[tensor]), tensor


def test_ways_of_keeping_the_reference_agree(given, tmp_path):
    for name in ("copy", "precomputed"):
        prefer(settings_of(given(tmp_path / name, max_steps=5, save_strategy="no", **WAYS[name])))
    np.testing.assert_allclose(losses(tmp_path / "precomputed"), losses(tmp_path / "copy"), rtol=1e-4)


def test_another_loss_is_another_run(given, tmp_path, capsys):
    one = given(tmp_path, max_steps=4)
    prefer(settings_of(one))
    words = [word for name in ("model_name_or_path", "output_dir") for word in (f"--{name}", one[name])]
    more = ["--model_max_length", "256", "--learning_rate", "1e-3", "--resume", "auto", "--loss", "nca"]
    assert cli.main(["prefer", *words, "--data_path", *one["data_path"], *more]) == 2
    assert "loss: 'dpo' → 'nca'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", [pytest.param("ddp", marks=pytest.mark.long), pytest.param("zero3", marks=pytest.mark.long), "fsdp2"]
)
def test_two_processes_give_the_losses_of_one(given, tmp_path, way):
    """One pair a process and batch instead of two; with ZeRO-3 and FSDP2 policy and reference are both in parts."""
    one = given(tmp_path / "one", max_steps=4, save_strategy="no")
    prefer(settings_of(one))
    two = {**one, "output_dir": str(tmp_path / "two"), "per_device_train_batch_size": 1, "parallel": way}
    words = [
        str(word) for name, value in two.items() for word in (f"--{name}", *(value if name == "data_path" else [value]))
    ]
    command = [sys.executable, "-m", "zhinao", "launch", "--num_gpus", "2", "prefer", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=1e-5)
