"""`--training_argument`: every field of transformers' and TRL's arguments has a place, and what is accepted has its effect."""

import dataclasses

import pytest

from zhinao.errors import UsageError
from zhinao.train.settings import passed_on
from zhinao.train.settings.prefer import PreferSettings
from zhinao.train.settings.settings import TrainSettings

GIVEN = {"data_path": ("d",), "model_name_or_path": "m", "output_dir": "o"}
VALUES = {
    "lr_scheduler_kwargs": {"num_cycles": 2}, "optim_args": "momentum=0.9", "optim_target_modules": "all-linear", "data_seed": 3,
    "train_sampling_strategy": "sequential", "label_smoothing_factor": 0.1, "neftune_noise_alpha": 5, "logging_first_step": True,
    "log_level": "error", "log_level_replica": "error", "eval_delay": 2, "eval_on_start": True, "load_best_model_at_end": True,
    "metric_for_best_model": "loss", "greater_is_better": False, "torch_empty_cache_steps": 3,
    "full_determinism": True, "dataloader_num_workers": 1, "dataloader_persistent_workers": True,
    "dataloader_prefetch_factor": 3, "dataloader_multiprocessing_context": "spawn", "dataloader_in_order": False,
    "ddp_bucket_cap_mb": 5, "ddp_broadcast_buffers": False, "ddp_static_graph": True,
}  # fmt: skip


def unplaced(kind: type, is_preference: bool) -> set[str]:
    """Fields that are not in exactly one of the three lists."""
    flags, refused = passed_on.flags(is_preference), passed_on.refused(is_preference)
    passed = passed_on.PASSED.keys() - flags.keys() - refused.keys() if is_preference else passed_on.PASSED
    return {
        one.name
        for one in dataclasses.fields(kind)
        if sum(one.name in place for place in (flags, refused, passed)) != 1
    }


def test_every_field_has_its_place():
    from transformers import TrainingArguments
    from trl import DPOConfig

    assert unplaced(TrainingArguments, False) == set()
    assert unplaced(DPOConfig, True) == set()


def test_a_field_of_a_later_version_has_none():
    from transformers import TrainingArguments

    later = dataclasses.make_dataclass("Later", [("new_trick", int, 0)], bases=(TrainingArguments,))
    assert unplaced(later, False) == {"new_trick"}
    with pytest.raises(UsageError, match="unknown name 'new_trick'"):
        passed_on.checked({"new_trick": 1})


@pytest.mark.parametrize("kind", [TrainSettings, PreferSettings])
def test_flags_that_are_named_exist(kind):
    known = {one.name for one in dataclasses.fields(kind)}
    assert set(passed_on.flags(kind.is_preference).values()) <= known


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"learning_rate": 1}, "a flag of its own.\n  → --learning_rate"),
        ({"evaluation_strategy": "steps"}, "→ --eval_steps"),
        ({"bf16_full_eval": True}, "bf16_full_eval cannot be set: held-out data are judged"),
        ({"auto_find_batch_size": True}, "zhinao plan"),
        ({"label_smoothing": 0.1}, "unknown name 'label_smoothing'.\n  → did you mean label_smoothing_factor?"),
        ({"label_smoothing_factor": 1.0}, "from 0 to below 1"),
        ({"label_smoothing_factor": "a"}, "must be a number"),
        ({"neftune_noise_alpha": -1}, "at least 0"),
        ({"neftune_noise_alpha": float("nan")}, "at least 0"),
        ({"train_sampling_strategy": "group_by_length"}, "it must be random, sequential"),
        ({"data_seed": 1.5}, "must be a whole number"),
        ({"eval_on_start": True}, "has no effect: there is no held-out data"),
        ({"dataloader_prefetch_factor": 2}, "has no effect: no workers load data"),
        ({"dataloader_persistent_workers": True, "dataloader_num_workers": 0}, "no workers load data"),
        ({"torch_empty_cache_steps": 0}, "at least 1"),
        ({"optim_args": "momentum=0.9"}, "--optim adamw_torch does not look at it"),
        ({"optim_target_modules": "all-linear"}, "--optim adamw_torch does not look at it"),
    ],
)
def test_what_is_refused(given, sentence):
    with pytest.raises(UsageError) as error:
        TrainSettings(**GIVEN, training_arguments=given).check()
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"label_smoothing_factor": 0.1}, "→ --label_smoothing"),
        ({"beta": 0.1}, "→ --beta"),
        ({"ld_alpha": 0.1}, "losses are those of --loss"),
        ({"sync_ref_model": True}, "the reference stays"),
        ({"neftune_noise_alpha": 5}, "the reference stays"),
    ],
)
def test_what_a_preference_refuses(given, sentence):
    with pytest.raises(UsageError) as error:
        PreferSettings(**GIVEN, training_arguments=given).check()
    assert sentence in str(error.value)


def test_buckets_are_for_ddp_alone():
    given = {**GIVEN, "training_arguments": {"ddp_bucket_cap_mb": 5}}
    TrainSettings(**given, parallel="ddp").check()
    with pytest.raises(UsageError, match="for --parallel ddp"):
        TrainSettings(**given, parallel="zero2").check()


def test_booleans_may_be_words():
    assert passed_on.checked({"eval_on_start": "on", "full_determinism": "no"}) == {
        "eval_on_start": True,
        "full_determinism": False,
    }


# --- what is accepted has its effect


def test_each_accepted_field_is_tried():
    assert VALUES.keys() == passed_on.PASSED.keys()


@pytest.mark.parametrize("name", [name for name in VALUES if name not in passed_on.OWN])
def test_what_is_passed_on_arrives(tmp_path, name):
    """In the arguments that transformers' Trainer reads."""
    from zhinao.train.loop import training_arguments

    more = {name: VALUES[name]}
    if name.startswith("dataloader_"):
        more.setdefault("dataloader_num_workers", 1)
    settings = TrainSettings(
        **{**GIVEN, "output_dir": str(tmp_path)}, bf16=False, use_cpu=True, learning_rate=1e-3, training_arguments=more
    )
    assert getattr(training_arguments.of(settings, True), name) == VALUES[name]


@pytest.fixture
def trainer(settings):
    """A function that gives the trainer of a run on documents of made-up lengths, and takes `training_arguments`."""
    import numpy as np
    import torch

    from zhinao.data.encode.encoding import Encoded
    from zhinao.train.loop import training_arguments
    from zhinao.train.loop.trainer import Packs, ZhinaoTrainer

    documents = [Encoded(np.full(3, n, np.int32), np.ones(3, np.float32), None) for n in range(6)]

    def make(optim="adamw_torch", lr_scheduler_type="cosine", **more):
        chosen = settings(optim=optim, lr_scheduler_type=lr_scheduler_type, training_arguments=more)
        chosen.check()
        args = training_arguments.of(chosen, False)
        return ZhinaoTrainer(torch.nn.Linear(2, 2), args, train=Packs(documents, [[n] for n in range(6)], 4))

    return make


def order(trainer) -> list[int]:
    return list(trainer._get_train_sampler())


def test_order_of_rows(trainer):
    """`data_seed` draws it in place of `seed`; `sequential` draws nothing. Rows that fill up stay last."""
    assert order(trainer(train_sampling_strategy="sequential")) == [0, 1, 2, 3, 4, 5, 6, 7]
    drawn, other, same = order(trainer()), order(trainer(data_seed=3)), order(trainer(data_seed=42))
    assert drawn == same != other and sorted(drawn) == sorted(other) and drawn[6:] == other[6:] == [6, 7]


def test_rows_are_loaded_as_said(trainer):
    loader = trainer(
        dataloader_num_workers=1, dataloader_prefetch_factor=3, dataloader_persistent_workers=True,
        dataloader_multiprocessing_context="spawn", dataloader_in_order=False,
    ).get_train_dataloader()  # fmt: skip
    assert (loader.num_workers, loader.prefetch_factor, loader.persistent_workers, loader.in_order) == (
        1,
        3,
        True,
        False,
    )
    assert loader.multiprocessing_context.get_start_method() == "spawn"


def test_optimizer_and_schedule_are_made_as_said(trainer):
    made = trainer("sgd", "cosine_with_min_lr", optim_args="momentum=0.9", lr_scheduler_kwargs={"min_lr": 5e-4})
    made.create_optimizer_and_scheduler(4)
    assert made.optimizer.defaults["momentum"] == 0.9
    rates = []
    for _ in range(5):
        rates.append(made.lr_scheduler.get_last_lr()[0])
        made.optimizer.step()
        made.lr_scheduler.step()
    assert rates[0] == pytest.approx(1e-3) and rates[-1] == pytest.approx(5e-4)


def test_determinism_and_messages(trainer, monkeypatch):
    seen = []
    monkeypatch.setattr("transformers.trainer.enable_full_determinism", seen.append)
    monkeypatch.setattr("transformers.trainer.logging.set_verbosity", seen.append)
    trainer(full_determinism=True, log_level="error")
    assert sorted(seen) == [40, 42]


def test_buckets_reach_ddp(trainer):
    made = trainer(ddp_bucket_cap_mb=5, ddp_broadcast_buffers=False, ddp_static_graph=True).accelerator.ddp_handler
    assert (made.bucket_cap_mb, made.broadcast_buffers, made.static_graph) == (5, False, True)


def test_evaluation_and_log_begin_as_said(settings, tmp_path, chats):
    """Held out: before the first step, and not before the delay is over. The first step is logged too."""
    import json

    from zhinao.train.method.supervised import train

    more = {"eval_on_start": True, "eval_delay": 3, "logging_first_step": True, "torch_empty_cache_steps": 1}
    train(settings(eval_data_path=(str(chats),), eval_steps=1, logging_steps=3, training_arguments=more))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "eval_loss" in line] == [0, 3, 4]
    assert [line["step"] for line in lines if line["kind"] == "train" and "loss" in line] == [1, 3]
