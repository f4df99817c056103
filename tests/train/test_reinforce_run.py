"""`zhinao reason grpo` through the frame: what it writes, that it goes on exactly, and that it stops where nothing can be learned."""

import json

import pytest

from zhinao.errors import UsageError
from zhinao.train.settings.reinforce import ReinforceSettings, weighted


@pytest.fixture
def make(tiny, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"{n}?", "gold": str(n)}) + "\n" for n in range(6)))

    def settings(name: str = "run", **more) -> ReinforceSettings:
        given = {
            "model_name_or_path": str(tiny), "data_path": (str(file),), "output_dir": str(tmp_path / name),
            "model_max_length": 96, "max_completion_length": 5, "num_generations": 2, "per_device_train_batch_size": 4,
            "rewards": ("language",), "use_cpu": True, "bf16": False, "learning_rate": 1e-3, "gradient_checkpointing": False,
            "save_strategy": "no", "max_steps": 2, "preprocessing_num_workers": 1,
        }  # fmt: skip
        return ReinforceSettings(**(given | more))

    return settings


def lines(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_resumed_run_equals_one_that_was_never_stopped(make, tmp_path):
    """Saved in the middle of completions that two steps learn from."""
    from zhinao.train.method.reinforcement import reinforce

    settings = make(max_steps=5, steps_per_generation=2, save_strategy="steps", save_steps=3, save_total_limit=5)
    reinforce(settings)
    run = tmp_path / "run"
    weights, drawn = (run / "model.safetensors").read_bytes(), lines(run / "completions.jsonl")
    losses = [line["loss"] for line in lines(run / "log.jsonl") if line["kind"] == "train"]
    (run / "model.safetensors").unlink()
    reinforce(make(**{**vars(settings), "resume": str(run / "checkpoint-3")}))
    assert (run / "model.safetensors").read_bytes() == weights
    assert lines(run / "completions.jsonl") == drawn and {line["step"] for line in drawn} == {1, 3, 5}
    assert [line["loss"] for line in lines(run / "log.jsonl") if line["kind"] == "train"] == losses
    last = [line for line in lines(run / "log.jsonl") if line["kind"] == "train"][-1]
    assert {
        "reward",
        "completions/mean_length",
        "frac_reward_zero_std",
        "completions/clipped_ratio",
        "entropy",
        "mismatch",
    } <= last.keys()
    assert last["mismatch"] < 1e-4
    assert "mismatch" in (run / "run.html").read_text(encoding="utf-8")


def test_equal_rewards_are_counted_and_stop_after_k_steps(make, tmp_path):
    from zhinao.train.loop.reinforce_trainer import NothingToLearnError
    from zhinao.train.method.reinforcement import reinforce

    settings = make(rewards=("length",), stop_without_spread=2, max_steps=5)
    with pytest.raises(NothingToLearnError, match="2 steps"):
        reinforce(settings)
    trained = [line for line in lines(tmp_path / "run" / "log.jsonl") if line["kind"] == "train"]
    assert [line["steps_without_spread"] for line in trained] == [1, 2]
    assert (tmp_path / "run" / "checkpoint-2").is_dir()


@pytest.mark.parametrize(
    "wrong", [{"rewards": ("maths",)}, {"rewards": ("format=much",)}, {"rewards": ()}, {"num_generations": 1},
              {"temperature": 0.0}, {"eval_share": 0.1}, {"is_concat": True}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(make, wrong):
    with pytest.raises(UsageError):
        make(**wrong).check()


def test_weights_of_rewards():
    assert weighted(("mathematics", "format=0.5")) == {"mathematics": 1.0, "format": 0.5}
