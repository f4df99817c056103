"""`--keep_best`: the best checkpoint outlives newer ones and is what is delivered, whoever asks for it and however often it stops."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from zhinao.errors import UsageError
from zhinao.train.loop import checkpoints, saving
from zhinao.train.loop.trainer import ZhinaoTrainer
from zhinao.train.method.supervised import train

ASKED = {"training_arguments": {"load_best_model_at_end": True}}


@pytest.fixture
def measured(monkeypatch):
    """Let the evaluation after step n measure `values[n]`."""

    def set_values(values: dict[int, float]) -> None:
        def evaluate(self, *args, **kwargs):
            metrics = {"eval_loss": values[self.state.global_step]}
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        monkeypatch.setattr(ZhinaoTrainer, "evaluate", evaluate)

    return set_values


@pytest.fixture
def best(settings, chats):
    """Settings of a run of six steps with three evaluations."""

    def make(**more):
        given = {"keep_best": True, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 1, "max_steps": 6}
        return settings(**{**given, "eval_data_path": (str(chats),), "eval_steps": 2, **more})

    return make


def names(folder: Path) -> list[str]:
    return [path.name for path in checkpoints.of(folder)]


def same(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"save_total_limit": 1}, ["checkpoint-2", "checkpoint-6"]),
        ({"save_total_limit": 2, "keep_best": False, **ASKED}, ["checkpoint-2", "checkpoint-6"]),
        ({"save_total_limit": 1, "keep_best": False, **ASKED}, ["checkpoint-2", "checkpoint-6"]),
        ({"save_total_limit": 3, "save_steps": 5}, ["checkpoint-2", "checkpoint-5", "checkpoint-6"]),
        ({"save_strategy": "no"}, ["checkpoint-2"]),
    ],
    ids=["limit 1", "their name, limit 2", "their name, limit 1", "saved between evaluations", "only the best"],
)
def test_the_best_is_kept_and_delivered(best, measured, tmp_path, capsys, how, left):
    measured({2: 1.0, 4: 3.0, 6: 2.0})
    run = tmp_path / "run"
    assert train(best(**how)).is_finished
    assert names(run) == left
    assert same(run / "model.safetensors", run / "checkpoint-2" / "model.safetensors")
    if "checkpoint-6" in left:
        assert not same(run / "model.safetensors", run / "checkpoint-6" / "model.safetensors")
    assert "step 2 of 6, the best by eval_loss (1)" in capsys.readouterr().err
    assert json.loads((run / "run.json").read_text())["delivered"] == {"step": 2, "last_step": 6, "metric": 1.0}


def test_the_last_may_be_the_best(best, measured, tmp_path):
    measured({2: 3.0, 4: 2.0, 6: 1.0})
    train(best())
    assert names(tmp_path / "run") == ["checkpoint-6"]
    assert same(tmp_path / "run" / "model.safetensors", tmp_path / "run" / "checkpoint-6" / "model.safetensors")


def test_in_the_precision_of_the_model_that_came(best, measured, in_bf16, tmp_path):
    measured({2: 1.0, 4: 3.0, 6: 2.0})
    train(best(model_name_or_path=str(in_bf16)))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config.get("dtype") or config.get("torch_dtype")) == "bfloat16" and config["use_cache"]
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run")
    kept = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "checkpoint-2", dtype="bfloat16")
    assert {value.dtype for value in model.state_dict().values()} == {model.dtype}
    assert all(value.equal(kept.state_dict()[name]) for name, value in model.state_dict().items())


def test_adapters_of_the_best_alone_and_merged(best, measured, tmp_path):
    measured({2: 1.0, 4: 3.0, 6: 2.0})
    run, way = tmp_path / "run", {"method": "lora", "merge": True, "learning_rate": 1e-2}
    train(best(**way))
    assert same(run / "adapter_model.safetensors", run / "checkpoint-2" / "adapter_model.safetensors")
    assert (run / "adapter_config.json").exists()
    short = best(**way, output_dir=str(tmp_path / "short"), keep_best=False, lr_scheduler_type="constant", max_steps=2)
    train(best(**way, output_dir=str(tmp_path / "long"), lr_scheduler_type="constant"))
    train(short)
    assert same(tmp_path / "long" / "merged" / "model.safetensors", tmp_path / "short" / "merged" / "model.safetensors")


def test_a_run_that_goes_on_knows_its_best(best, measured, tmp_path):
    run = tmp_path / "run"
    measured({2: 1.0, 4: 3.0, 6: float("nan")})
    train(best(max_steps=4, lr_scheduler_type="constant"))
    assert names(run) == ["checkpoint-2", "checkpoint-4"]
    made = json.loads((run / "settings.json").read_text())  # as if it had been killed before its end
    (run / "settings.json").write_text(json.dumps({**made, "settings": {**made["settings"], "max_steps": 6}}))
    train(best(resume="auto", lr_scheduler_type="constant"))
    assert names(run) == ["checkpoint-2", "checkpoint-6"]
    assert same(run / "model.safetensors", run / "checkpoint-2" / "model.safetensors")


def test_no_evaluation_that_tells(best, measured, tmp_path, capsys):
    measured(dict.fromkeys((2, 4, 6), float("nan")))
    train(best())
    assert "No evaluation has told a best model" in capsys.readouterr().err
    assert same(tmp_path / "run" / "model.safetensors", tmp_path / "run" / "checkpoint-6" / "model.safetensors")


def test_a_learning_rate_that_follows_the_evaluation_is_no_wish_for_the_best(best, measured, tmp_path):
    """transformers then keeps the best in mind by itself, and would look for it at the end."""
    measured({2: 1.0, 4: 3.0, 6: 2.0})
    assert train(best(keep_best=False, lr_scheduler_type="reduce_lr_on_plateau")).is_finished
    assert names(tmp_path / "run") == ["checkpoint-6"]
    assert same(tmp_path / "run" / "model.safetensors", tmp_path / "run" / "checkpoint-6" / "model.safetensors")


@pytest.mark.parametrize(
    ("more", "sentence", "hint"),
    [
        ({"eval_data_path": ()}, "needs held-out data", "--eval_share"),
        ({"eval_data_path": (), "keep_best": False, **ASKED}, "needs held-out data", "--eval_data_path"),
        ({"training_arguments": {"metric_for_best_model": "los"}}, "nothing is measured under the name 'los'", "loss"),
        ({"training_arguments": {"metric_for_best_model": "eval_rewards/margins"}}, "nothing is measured", "loss"),
        ({"keep_best": False, "training_arguments": {"metric_for_best_model": "loss"}}, "the last one", "--keep_best"),
        ({"keep_best": False, "training_arguments": {"greater_is_better": True}}, "the last one", "--keep_best"),
        ({"training_arguments": {"greater_is_better": True}}, "the worst model would be taken", "leave it out"),
        (
            {"training_arguments": {"greater_is_better": True, "metric_for_best_model": "eval_loss"}},
            "of loss the lower is the better",
            "leave it out",
        ),
    ],
)
def test_what_cannot_be_meant(best, more, sentence, hint):
    with pytest.raises(UsageError, match=sentence) as error:
        best(**more).check()
    assert hint in error.value.hint


def test_what_is_better_follows_from_what_is_measured(best):
    from zhinao.train.settings.best import arguments
    from zhinao.train.settings.prefer import PreferSettings

    assert arguments(best()) == {"metric_for_best_model": "loss", "greater_is_better": False}
    best(training_arguments={"greater_is_better": False}).check()
    shared = {
        name: getattr(best(), name) for name in ("model_name_or_path", "data_path", "output_dir", "eval_data_path")
    }
    for name, is_greater in (("rewards/margins", True), ("rewards/rejected", False)):
        ours = PreferSettings(**shared, keep_best=True, training_arguments={"metric_for_best_model": f"eval_{name}"})
        assert arguments(ours) == {"greater_is_better": is_greater}
        given = {**ours.training_arguments, "greater_is_better": not is_greater}
        with pytest.raises(UsageError, match=f"of {name} the {'higher' if is_greater else 'lower'}"):
            PreferSettings(**shared, keep_best=True, training_arguments=given).check()


@pytest.mark.parametrize(
    ("steps", "newest", "limit", "best_step", "gone"),
    [
        ([1, 2, 3], 3, 2, None, [1]),
        ([1, 2, 3], 3, 1, None, [1, 2]),
        ([1, 2, 3, 4], 4, 2, 1, [2, 3]),
        ([1, 2, 3, 4], 4, 1, 1, [2, 3]),
        ([1, 2, 3, 4], 4, 3, 1, [2]),
        ([1, 2, 3, 4], 4, 3, 4, [1]),
        ([1, 2], 2, 2, 7, []),
        ([100, 150, 200], 150, 2, None, [200]),  # taken up again at 100: what came later then is no part of it any more
        ([100, 150, 200], 150, 1, None, [100, 200]),
        ([9, 10], 10, 1, None, [9]),
    ],
)
def test_which_checkpoints_go(steps, newest, limit, best_step, gone):
    found = [Path(f"checkpoint-{step}") for step in steps]
    expected = [Path(f"checkpoint-{step}") for step in gone]
    assert checkpoints.outdated(found, Path(f"checkpoint-{newest}"), limit, best_step) == expected


def test_a_run_taken_up_again_at_an_earlier_step_keeps_what_it_saves(settings, tmp_path, monkeypatch):
    """With room for one checkpoint, the later ones of the abandoned course were taken for newer."""
    run, made = tmp_path / "run", {"save_strategy": "steps", "save_steps": 2, "max_steps": 6}
    train(settings(**made, save_total_limit=3))
    assert names(run) == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    original, seen = ZhinaoTrainer._finish, []

    def finish(self, work, target):
        original(self, work, target)
        seen.append(names(run))

    monkeypatch.setattr(ZhinaoTrainer, "_finish", finish)
    train(settings(**made, save_total_limit=1, resume=str(run / "checkpoint-2")))
    assert seen == [["checkpoint-4"], ["checkpoint-6"]]


def test_what_is_usual_for_the_guard_is_kept(settings, tmp_path, monkeypatch):
    train(settings(save_strategy="steps", save_steps=2))
    kept = json.loads((tmp_path / "run" / "checkpoint-4" / saving.GUARD).read_text())
    assert len(kept["recent"]) == 4
    original, known = saving.SavingMixin._load_from_checkpoint, []

    def load(self, *args, **more):
        known.append(self.guard.state())
        original(self, *args, **more)

    monkeypatch.setattr(saving.SavingMixin, "_load_from_checkpoint", load)
    train(settings(save_strategy="steps", save_steps=2, resume=str(tmp_path / "run" / "checkpoint-2")))
    assert known == [{**kept, "recent": kept["recent"][:2]}]
