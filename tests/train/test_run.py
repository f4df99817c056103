"""Whole runs on a tiny model in this process: what is learned, that batching does not change it, and what is left behind."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.train import plain_loop
from tests.train.conftest import losses
from zhinao.errors import UsageError
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.method.supervised import train

REFERENCE = Path(__file__).parent / "trajectory.json"


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def test_a_run_learns_and_leaves_a_model(settings, tmp_path):
    outcome = train(settings(max_steps=30, is_concat=True, per_device_train_batch_size=4))
    assert outcome.is_finished and outcome.num_steps == 30
    found = losses(tmp_path / "run")
    assert len(found) == 30 and found[-1] < 0.8 * found[0]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "generation_config.json",
        "run.html",
        "log.jsonl",
    } <= names
    assert "lm_head.weight" in weights(tmp_path / "run")
    [file] = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["files"]
    assert (file["format"], file["num_samples"], file["ignored"]) == ("messages", 24, {"id": 24})


def test_the_result_loads_in_the_fused_layout_and_knows_where_to_stop(settings, tiny, tmp_path):
    train(settings())
    before, after = weights(tiny), weights(tmp_path / "run")
    assert before.keys() == after.keys()
    assert any(not np.array_equal(before[name], after[name]) for name in before)
    stop = json.loads((tmp_path / "run" / "generation_config.json").read_text())["eos_token_id"]
    assert len(stop) == 3


@pytest.mark.parametrize("is_concat", [False, True])
def test_batching_does_not_change_the_losses(settings, tmp_path, is_concat):
    """1 x 8, 2 x 4 and 8 x 1 are the same step."""
    curves = []
    for size, steps in ((8, 1), (4, 2), (1, 8)):
        folder = tmp_path / f"{size}"
        train(
            settings(
                output_dir=str(folder),
                per_device_train_batch_size=size,
                gradient_accumulation_steps=steps,
                max_steps=5,
                is_concat=is_concat,
                model_max_length=200,
            )
        )
        curves.append(losses(folder))
    assert len(curves[0]) == 5
    assert np.allclose(curves[0], curves[1], rtol=2e-5) and np.allclose(curves[0], curves[2], rtol=2e-5)


def test_trajectory(settings, tmp_path):
    """30 steps equal the stored reference, which a plain loop of its own made (`plain_loop.py`)."""
    train(settings(**plain_loop.HOW))
    assert np.allclose(losses(tmp_path / "run"), json.loads(REFERENCE.read_text()), atol=1e-4)


def test_gradient_checkpointing_changes_nothing(settings, tmp_path):
    curves = []
    for is_on in (False, True):
        folder = tmp_path / str(is_on)
        train(settings(output_dir=str(folder), gradient_checkpointing=is_on))
        curves.append(losses(folder))
    assert np.allclose(*curves, rtol=1e-6)


@pytest.mark.parametrize("method", ["lora", "rslora", "dora"])
def test_adapters_learn_and_merge(settings, tiny, tmp_path, method):
    train(settings(method=method, max_steps=6, merge=True, learning_rate=1e-2, lora_rank=4))
    found = losses(tmp_path / "run")
    assert found[-1] < found[0]
    assert (tmp_path / "run" / "adapter_model.safetensors").exists()
    before, after = weights(tiny), weights(tmp_path / "run" / "merged")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed and all("proj" in name for name in changed)


def test_evaluation_is_the_loss_a_token(settings, chats, tmp_path):
    """Held-out loss does not depend on how its documents are batched."""
    found = []
    for size in (1, 5):
        folder = tmp_path / str(size)
        train(
            settings(
                output_dir=str(folder), eval_data_path=(str(chats),), eval_steps=2, per_device_eval_batch_size=size
            )
        )
        lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
        found.append([record["eval_loss"] for record in lines if "eval_loss" in record])
    assert len(found[0]) == 2 and np.allclose(*found, rtol=1e-5)


def test_text(settings, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("The quick brown fox jumps over the lazy dog.\n" * 20)
    outcome = train(settings(data_path=(str(file),), max_steps=2), is_text=True)
    assert outcome.is_finished


@pytest.mark.parametrize(
    "words", [("<city>", "<day>"), tuple(f"<word {n}>" for n in range(40))], ids=["spare", "resized"]
)
def test_new_tokens(settings, tmp_path, words):
    """Texts may use them; they are one id each, learned, and in the tokenizer that the model comes with."""
    file = tmp_path / "data.jsonl"
    turn = {"messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": " ".join(words)}]}
    file.write_text(json.dumps(turn) + "\n")
    train(settings(data_path=(str(file),), new_tokens=words, max_steps=2))
    tokenizer = Tokenizer.load(tmp_path / "run")
    ids = [tokenizer.token_to_id(word) for word in words]
    assert [len(tokenizer.encode(word)) for word in words] == [1] * len(words)
    assert not set(words) & set(tokenizer.control_tokens)
    rows = weights(tmp_path / "run")["model.embed_tokens.weight"]
    assert len(rows) >= max(ids) + 1
    assert len({rows[id].tobytes() for id in ids[:-1]}) == len(words) - 1  # each has been trained on its own


def test_another_rope_base_goes_into_the_model(settings, tmp_path):
    train(settings(rope_theta=1e6, model_max_length=1024, max_steps=1))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["max_position_embeddings"] == 1024
    assert 1e6 in (config.get("rope_theta"), (config.get("rope_parameters") or {}).get("rope_theta"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"data_path": ()}, "--data_path is missing"),
        ({"output_dir": ""}, "--output_dir is missing"),
        ({"model_max_length": 0}, "--model_max_length is 0"),
        ({"bf16": True, "fp16": True}, "exclude each other"),
        ({"fp16": True, "bf16": False}, "--fp16 needs a GPU"),
        ({"method": "qlora"}, "4 bits on a GPU"),
        ({"model_max_length": 4096}, "knows 512 positions"),
        ({"lora_targets": ("qkv_proj",), "method": "lora"}, "has no qkv_proj"),
        ({"training_arguments": {"learning_rat": 1}}, "unknown name 'learning_rat'"),
        ({"training_arguments": {"learning_rate": 1}}, "a flag of its own"),
        ({"eval_share": 1.5}, "a share"),
        ({"data_weights": (1.0, 2.0)}, "2 numbers for 1 source"),
        ({"report_to": ("wandbb",)}, "wandbb"),
    ],
)
def test_what_cannot_be_meant(settings, more, sentence):
    with pytest.raises(UsageError, match=sentence):
        train(settings(**more))
