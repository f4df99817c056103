"""`--parallel` and `--deepspeed`: what they become, which mistakes are found before anything is loaded. Starts no process."""

import dataclasses
import json
import os
import time
from pathlib import Path

import pytest

from zhinao.errors import UsageError
from zhinao.train.parallel import deepspeed, deepspeed_file, presets, processes
from zhinao.train.settings.settings import TrainSettings

SETTINGS = TrainSettings(
    model_name_or_path="m", data_path=("d",), output_dir="o", use_cpu=True, bf16=True, learning_rate=5e-6
)
# In the publisher's form: everything by flags, and a scheduler of its own.
PUBLISHERS = {
    "zero_optimization": {"stage": 2, "overlap_comm": True},
    "optimizer": {"type": "AdamW", "params": {"lr": "auto", "betas": "auto", "eps": "auto", "weight_decay": "auto"}},
    "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": "auto", "warmup_num_steps": "auto"}},
    "bf16": {"enabled": "auto"},
    "gradient_clipping": "auto",
    "train_micro_batch_size_per_gpu": "auto",
}


def settings(**more) -> TrainSettings:
    return dataclasses.replace(SETTINGS, **more)


@pytest.fixture
def users(tmp_path):
    """Settings with a file of the user's own: `users(content, **flags)`."""

    def make(content, **more) -> TrainSettings:
        file = tmp_path / "ds.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return settings(deepspeed=str(file), **more)

    return make


@pytest.mark.parametrize("name", ["zero2", "zero3", "zero2-offload", "zero3-offload"])
def test_zero(name):
    made = presets.of(settings(parallel=name))
    zero = made.arguments["deepspeed"]["zero_optimization"]
    assert zero["stage"] == int(name[4]) and not made.notes
    assert ("offload_optimizer" in zero, "offload_param" in zero) == ("offload" in name, name == "zero3-offload")
    assert presets.shards_weights(settings(parallel=name)) is (name[4] == "3")


@pytest.mark.parametrize("name", ["zero2", "zero3", "zero2-offload", "zero3-offload"])
def test_flags_win_in_our_own(name):
    """Nothing in them repeats a flag but as "auto", and nothing has to be compiled."""
    made = deepspeed.own(name)
    assert {deepspeed_file.value_at(made, key) for key in deepspeed_file.FLAGS} <= {"auto", None}
    assert "optimizer" not in made and "scheduler" not in made
    assert made.get("zero_force_ds_cpu_optimizer", True) is ("offload" not in name)


def test_transformers_takes_our_own(tmp_path, monkeypatch):
    """Its own parser of the configuration fills every "auto" that it should, and finds no contradiction."""
    integration = pytest.importorskip("transformers.integrations.deepspeed")
    pytest.importorskip("deepspeed")
    from transformers import TrainingArguments

    for name in ("zero2", "zero3"):
        args = TrainingArguments(
            output_dir=str(tmp_path), use_cpu=True, per_device_train_batch_size=3, max_grad_norm=2.0
        )
        found = integration.HfTrainerDeepSpeedConfig(deepspeed.own(name))
        found.trainer_config_process(args)
        assert found.mismatches == []
        assert (found.config["train_batch_size"], found.config["gradient_clipping"]) == (3, 2.0)
        integration.unset_hf_deepspeed_config()


def test_ddp_is_nothing_but_torch():
    assert presets.of(settings(parallel="ddp")) == presets.of(settings()) == presets.Preset()


def test_fsdp2():
    made = presets.of(settings(parallel="fsdp2")).arguments
    assert made["fsdp"] is True and made["fsdp_config"]["version"] == 2
    assert made["fsdp_config"]["state_dict_type"] == "FULL_STATE_DICT"
    assert "accelerator_config" in made
    assert "accelerator_config" not in presets.of(settings(parallel="fsdp2", use_cpu=False)).arguments


def test_the_publishers_file(users):
    given = users(PUBLISHERS)
    made = presets.of(given)
    assert made.arguments["deepspeed"]["scheduler"] == PUBLISHERS["scheduler"]
    assert made.arguments["deepspeed"]["optimizer"]["params"]["torch_adam"] is True
    scheduler, adam = made.notes
    assert "WarmupLR" in scheduler and "--lr_scheduler_type cosine is not" in scheduler
    assert "compiled" in adam and not presets.shards_weights(given)


def test_a_compiler_is_used_where_there_is_one(users, monkeypatch):
    monkeypatch.setenv("CUDA_HOME", "/cuda")
    made = presets.of(users(PUBLISHERS, use_cpu=False)).arguments["deepspeed"]
    assert made["optimizer"] == PUBLISHERS["optimizer"]


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("./finetune/ds_config_zero2.json", "zero2"),
        ("ds_config_zero3.json", "zero3"),
        ("ds_config_zero3_offload.json", "zero3-offload"),
        ("ds_z2_offload_config.json", None),
        ("mine.json", None),
    ],
)
def test_a_file_that_is_not_there(tmp_path, monkeypatch, name, preset):
    monkeypatch.chdir(tmp_path)
    if preset is None:
        with pytest.raises(UsageError, match="cannot be read"):
            presets.of(settings(deepspeed=name))
        return
    made = presets.of(settings(deepspeed=name))
    assert made.arguments["deepspeed"] == deepspeed.own(preset)
    assert "there is no such file" in made.notes[0] and f"--parallel {preset}" in made.notes[0]


def _scheduler(kind="WarmupLR", **params) -> dict:
    return {"optimizer": {"type": "AdamW"}, "scheduler": {"type": kind, "params": params}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{\n "zero_optimization": {\n}', "line 3: not JSON"),
        ("[]", "must hold an object"),
        ({"train_micro_batch_size_per_gpu": 4}, "is 4, and --per_device_train_batch_size is 1"),
        ({"gradient_accumulation_steps": 2}, "is 2, and --gradient_accumulation_steps is 1"),
        ({"gradient_clipping": 0.5}, "is 0.5, and --max_grad_norm is 1.0"),
        ({"fp16": {"enabled": True}}, "fp16.enabled is true, and --fp16 is False"),
        ({"bf16": {"enabled": False}}, "bf16.enabled is false, and --bf16 is True"),
        ({"optimizer": {"type": "AdamW", "params": {"lr": 1e-5}}}, "optimizer.params.lr is 1e-05"),
        ({"optimizer": {"type": "AdamW", "params": {"betas": [0.9, 0.999]}}}, "[0.9, 0.999], and --adam_beta1"),
        ({"scheduler": {"type": "WarmupLR"}}, "there is no `optimizer` section"),
        ({"train_batch_size": 64}, "train_batch_size is 64, and that of all processes by the flags is 1"),
        ({"train_batch_size": 0}, "train_batch_size is 0"),
        (_scheduler(warmup_num_steps=50), "warmup_num_steps is 50, and --warmup_steps is 1"),
        (_scheduler(total_num_steps=260), "total_num_steps is 260, and --max_steps is -1"),
        (_scheduler(warmup_num_steps="Auto"), 'warmup_num_steps is "Auto"; nobody fills it in'),
        (_scheduler("WarmupRL"), 'scheduler.type is "WarmupRL".\n  → did you mean WarmupLR?'),
        (_scheduler(None), "scheduler.type is null"),
        ({"zero_optimisation": {"stage": 2}}, "does not know zero_optimisation.\n  → did you mean zero_optimization?"),
        ({"zero_optimization": {"stage": 2, "overlap_com": True}}, "does not know zero_optimization.overlap_com"),
        ({"_comment": "ours"}, "does not know _comment"),
        ({"zero_optimization": {"stage": 4}}, "stage is 4; it must be 0, 1, 2 or 3"),
        ({"zero_optimization": {"stage": "2"}}, 'stage is "2"'),
        ({"zero_optimization": {"stage": True}}, "stage is true"),
        ({"zero_optimization": 2}, "zero_optimization must be an object"),
        ({"optimizer": "AdamW"}, "optimizer must be an object"),
        ({"bf16": True}, "bf16 must be an object"),
        ({"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}}, "no effect below stage 3"),
        ({"zero_optimization": {"stage": 0, "offload_optimizer": {"device": "cpu"}}}, "no effect below stage 1"),
        ({"steps_per_print": "auto"}, 'steps_per_print is "auto"; nobody fills it in'),
        ('{"zero_optimization": {"stage": 2}} // ours', "line 1: not JSON"),
        ('{"gradient_clipping": 1.0, "gradient_clipping": 2.0}', "'gradient_clipping' stands there twice"),
    ],
)
def test_files_that_cannot_be_meant(users, content, sentence):
    with pytest.raises(UsageError) as error:
        presets.of(users(content))
    assert sentence in str(error.value) and "ds.json" in str(error.value)


def test_values_that_agree_with_flags_are_fine(users):
    content = {
        "gradient_clipping": 1.0,
        "bf16": {"enabled": True},
        "train_micro_batch_size_per_gpu": 1,
        "train_batch_size": 1,
    }
    content |= {"zero_optimization": {"stage": 1}}
    assert presets.of(users(content)).arguments["deepspeed"] == content


def test_a_scheduler_of_the_file_counts_as_the_flags_do(users):
    for params, flags in (
        ({"warmup_num_steps": 50}, {"warmup_steps": 50}),
        ({"warmup_num_steps": 1}, {}),
        ({"total_num_steps": 70}, {"max_steps": 70}),
    ):
        presets.of(users(_scheduler(**params), **flags))
    with pytest.raises(UsageError, match=r"is 50, and --warmup_ratio is 0.1"):
        presets.of(users(_scheduler(warmup_num_steps=50), warmup_ratio=0.1))
    with pytest.raises(UsageError, match="lr_scheduler_kwargs have no effect"):
        presets.of(users(_scheduler(), training_arguments={"lr_scheduler_kwargs": {"num_cycles": 1}}))


def test_a_batch_of_all_processes(users, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")
    given = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}
    presets.of(users({"train_batch_size": 64}, **given))
    with pytest.raises(UsageError, match=r"is 32, and .* is 64"):
        presets.of(users({"train_batch_size": 32}, **given))


def test_what_is_open_contradicts_nothing(users):
    """Before the device is known."""
    content = {"bf16": {"enabled": True}, "optimizer": {"type": "AdamW", "params": {"lr": 1e-5}}}
    presets.of(users(content, bf16=None, learning_rate=None))


def test_an_optimizer_of_the_file_is_said(users):
    notes = presets.of(users({"optimizer": {"type": "AdamW"}}, optim="adafactor")).notes
    assert "--optim adafactor is not" in notes[0]


def test_the_keys_are_deepspeeds():
    """All that its class of ZeRO knows is known here; of the other keys each is in its sources."""
    root = pytest.importorskip("deepspeed").__path__[0]
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    known = {one.alias or name for name, one in DeepSpeedZeroConfig.model_fields.items()}
    assert known <= set(deepspeed_file.ZERO_KEYS)
    text = "\n".join(path.read_text(errors="ignore") for path in Path(root).rglob("*.py"))
    assert [key for key in deepspeed_file.KEYS if f'"{key}"' not in text and f"'{key}'" not in text] == []


def test_whole_weights_under_zero_3(users):
    given = users({"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}}})
    made = presets.of(given)
    assert made.arguments["deepspeed"]["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True
    assert made.arguments["deepspeed"]["zero_force_ds_cpu_optimizer"] is False
    assert made.notes == ("Checkpoints will hold whole weights.",) and presets.shards_weights(given)


# --- sequence parallelism: only that its configuration is built right; no GPU has run it


def test_sequence_parallelism_needs_gpus():
    with pytest.raises(UsageError, match="needs GPUs"):
        presets.of(settings(sequence_parallel_size=2, parallel="zero3"))
    with pytest.raises(UsageError, match="goes with DeepSpeed"):
        presets.of(settings(sequence_parallel_size=2, use_cpu=False, parallel="ddp"))


def test_sequence_parallelism(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UsageError, match="must divide the 8 processes"):
        presets.of(settings(sequence_parallel_size=3, use_cpu=False, parallel="zero3"))
    made = presets.of(settings(sequence_parallel_size=4, use_cpu=False, parallel="zero3")).arguments[
        "parallelism_config"
    ]
    assert (made.sp_backend, made.sp_size, made.dp_shard_size, made.total_size) == ("deepspeed", 4, 2, 8)
    assert made.sp_handler.sp_seq_length_is_variable


# --- what must be so before a process group exists


@pytest.fixture
def environment(monkeypatch):
    """os.environ without anything a launcher says; put back afterwards."""
    kept = dict(os.environ)
    for name in (
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "TORCH_EXTENSIONS_DIR",
        "OMP_NUM_THREADS",
    ):
        os.environ.pop(name, None)
    yield os.environ
    os.environ.clear()
    os.environ.update(kept)


def test_one_process_without_a_launcher(environment):
    processes.prepare(settings())
    assert "RANK" not in environment
    processes.prepare(settings(parallel="zero2"))
    assert (environment["RANK"], environment["WORLD_SIZE"], environment["MASTER_ADDR"]) == ("0", "1", "127.0.0.1")


def test_what_a_launcher_said_stays(environment):
    environment.update(RANK="3", WORLD_SIZE="4", MASTER_PORT="1")
    processes.prepare(settings(parallel="fsdp2"))
    assert (environment["RANK"], environment["MASTER_PORT"]) == ("3", "1")
    assert environment["FSDP_VERSION"] == "2" and int(environment["OMP_NUM_THREADS"]) >= 1


def test_an_old_lock_of_deepspeeds_compiler_is_gone_around(environment, tmp_path):
    """A killed build leaves it, and every later run would wait for it for ever."""
    environment["TORCH_EXTENSIONS_DIR"] = str(tmp_path)
    processes.prepare(settings(parallel="zero2"))
    assert environment["TORCH_EXTENSIONS_DIR"] == str(tmp_path)
    lock = tmp_path / "py311_cpu" / "fused_adam" / "lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    processes.prepare(settings(parallel="zero2"))
    assert environment["TORCH_EXTENSIONS_DIR"] == str(tmp_path)  # somebody may be building just now
    os.utime(lock, (time.time() - 600,) * 2)
    processes.prepare(settings(parallel="zero2"))
    assert environment["TORCH_EXTENSIONS_DIR"] != str(tmp_path)
