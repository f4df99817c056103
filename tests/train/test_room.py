"""What a run writes, worked out by hand from the model's sizes; and what it leaves when its start fails."""

from types import SimpleNamespace

import pytest
from transformers import TrainerControl, TrainerState

from zhinao.model import architecture
from zhinao.train.loop import record, room
from zhinao.train.loop.recorded import Recorded
from zhinao.train.net import sizes


@pytest.mark.parametrize(
    ("more", "saves"),
    [
        ({"save_strategy": "no"}, 0),
        ({"save_strategy": "steps", "max_steps": -1}, 1),  # at the end at least
        ({"save_strategy": "steps", "max_steps": 450, "save_steps": 200}, 3),
        ({"save_strategy": "epoch", "max_steps": -1, "num_train_epochs": 2.5}, 3),
        ({"save_strategy": "epoch", "max_steps": 5, "num_train_epochs": 3}, 1),
    ],
)
def test_how_often_it_saves_at_least(settings, more, saves):
    assert room.num_saves(settings(**more)) == saves


def test_what_is_written_at_least(settings, tiny):
    known = sizes.of(architecture.read(tiny))
    one, model = 12 * known.total, 4 * known.total  # float32 weights with two moments; the model is in float32
    many = {"save_strategy": "steps", "save_steps": 1, "max_steps": 9, "save_total_limit": 2}
    assert room.needed(settings(), known) == model
    assert room.needed(settings(save_strategy="steps"), known) == one + model
    assert room.needed(settings(**many), known) == 3 * one  # the third comes before the first one goes
    assert room.needed(settings(**many), known, is_resumed=True) == model
    assert room.needed(settings(save_strategy="steps", optim="sgd"), known) < 2 * model + known.total
    adapters = sizes.with_adapters(known, settings().lora_targets, 16).adapter
    lora = settings(method="lora", save_strategy="steps")
    assert room.needed(lora, known) == 16 * adapters
    assert room.needed(settings(method="lora", merge=True), known) == 4 * adapters + model


def test_of_deepspeed_and_fsdp():
    assert room.checkpoint(400, 100, "adamw_torch") == 1200
    assert room.checkpoint(400, 100, "adamw_torch", is_sharded=True) == 1600
    assert room.checkpoint(400, 100, "adamw_torch", is_deepspeed=True) == 2000


def test_a_run_is_one_after_its_first_step(settings, tmp_path):
    ours, state = settings(), TrainerState(is_world_process_zero=True)
    recorded, control = Recorded(ours.output_dir, {"settings": {}, "weights": ""}), TrainerControl()
    (tmp_path / "run").mkdir()
    recorded.on_train_begin(SimpleNamespace(), state, control)
    assert record.start_from(ours) is None  # it failed here: the next start is not held up
    recorded.on_step_end(SimpleNamespace(), state, control)
    with pytest.raises(record.UsageError, match="holds a run already"):
        record.start_from(ours)


def test_of_others_and_of_a_run_that_goes_on_nothing_is_written(tmp_path):
    for state in (TrainerState(is_world_process_zero=False), TrainerState(global_step=3)):
        recorded = Recorded(tmp_path, {})
        recorded.on_train_begin(SimpleNamespace(), state, TrainerControl())
        recorded.on_step_end(SimpleNamespace(), state, TrainerControl())
    assert not list(tmp_path.iterdir())
