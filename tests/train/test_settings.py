"""Flags, YAML and recipes become settings, or a sentence that names what is wrong."""

import shlex
from pathlib import Path

import pytest

from zhinao import cli, config
from zhinao.arguments import Parser
from zhinao.errors import UsageError
from zhinao.train.settings import flags
from zhinao.train.settings.settings import TrainSettings

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path for path in (ROOT / "recipes").glob("*.yaml") if not path.name.startswith("prefer"))
# The publisher's command line behind the program's name. The script in the README itself is run by tests/test_publisher.py.
PUBLISHER = """
    --report_to tensorboard --data_path ./data/training_data_sample.json --model_name_or_path qihoo360/360Zhinao3-7B
    --output_dir ./outputs/ --model_max_length 32768 --num_train_epochs 3 --per_device_train_batch_size 4
    --gradient_accumulation_steps 1 --save_strategy steps --save_steps 200 --learning_rate 5e-6
    --lr_scheduler_type cosine --adam_beta1 0.9 --adam_beta2 0.95 --adam_epsilon 1e-8 --max_grad_norm 1.0
    --weight_decay 0.1 --warmup_ratio 0.01 --gradient_checkpointing True --bf16 True --tf32 True
    --deepspeed ./finetune/ds_config_zero2.json --is_concat False --logging_steps 1 --log_on_each_node False
"""


def parsed(line: str) -> TrainSettings:
    parser = Parser(prog="zhinao finetune")
    flags.add_arguments(parser, TrainSettings)
    return flags.settings_of(parser.parse_args(shlex.split(line)), TrainSettings)


def test_the_publishers_command_line_keeps_its_meaning():
    settings = parsed(PUBLISHER)
    assert settings.data_path == ("./data/training_data_sample.json",)
    assert settings.model_max_length == 32768 and settings.per_device_train_batch_size == 4
    assert settings.adam_beta2 == 0.95 and settings.warmup_ratio == 0.01 and settings.learning_rate == 5e-6
    assert (settings.bf16, settings.tf32, settings.is_concat, settings.gradient_checkpointing) == (
        True,
        True,
        False,
        True,
    )
    assert settings.deepspeed == "./finetune/ds_config_zero2.json" and settings.report_to == ("tensorboard",)


@pytest.mark.parametrize("spelling", ["--model_max_length 7", "--model-max-length 7", "--model_max_length=7"])
def test_both_spellings(spelling):
    assert parsed(spelling).model_max_length == 7


def test_a_boolean_may_stand_alone():
    assert parsed("--is_concat").is_concat and parsed("--bf16 --fp16 False").bf16
    with pytest.raises(UsageError, match="neither True nor False"):
        parsed("--bf16 maybe")


def test_flags_win_over_the_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("learning_rate: 1.0e-4\ndata_path: a.jsonl\ntraining_arguments: {dataloader_num_workers: 1}\n")
    settings = parsed(
        f"{file} --learning_rate 2e-4 --training_argument max_grad_norm=2 --training_argument optim_args=x=1"
    )
    assert settings.learning_rate == 2e-4 and settings.data_path == ("a.jsonl",)
    assert settings.training_arguments == {"dataloader_num_workers": 1, "max_grad_norm": 2, "optim_args": "x=1"}


def test_an_unknown_key_is_named_with_the_near_one(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("learning_rat: 1\n")
    with pytest.raises(UsageError, match="unknown key 'learning_rat'") as error:
        parsed(str(file))
    assert "learning_rate" in error.value.hint


def test_a_training_argument_needs_a_value():
    with pytest.raises(UsageError, match="no `=`"):
        parsed("--training_argument optim")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_recipes_are_settings(recipe):
    """As they stand; where they leave the data to the user, with one file for each of their weights."""
    settings = config.load(TrainSettings, recipe, {"output_dir": "out"})
    if not settings.data_path:
        files = tuple(f"{n}.jsonl" for n in range(len(settings.data_weights or "a")))
        settings = config.load(TrainSettings, recipe, {"output_dir": "out", "data_path": files})
    settings.check()


def test_a_recipes_own_data_are_checked_with_its_weights(tmp_path):
    """What the test above would miss otherwise."""
    (file := tmp_path / "mix.yaml").write_text("data_path: [a.jsonl, b.jsonl]\ndata_weights: [1, 2, 3]\n")
    given = {"output_dir": "out", "model_name_or_path": "m"}
    with pytest.raises(UsageError, match="3 numbers for 2 sources"):
        config.load(TrainSettings, file, given).check()


def test_there_are_recipes():
    assert len(RECIPES) >= 5


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--max_steps 0", "--max_steps is 0; at least 1"),
        ("--max_steps -5", "--max_steps is -5; at least 1"),
        ("--num_train_epochs 0", "above 0"),
        ("--num_train_epochs inf", "--num_train_epochs is inf; it must be finite"),
        ("--learning_rate nan", "--learning_rate is nan"),
        ("--data_weights nan", "--data_weights is nan"),
        ("--learning_rate -1", "--learning_rate is -1.0; at least 0"),
        ("--per_device_train_batch_size 0", "at least 1"),
        ("--eval_share 0.1 --per_device_eval_batch_size 0", "at least 1"),
        ("--eval_share 0.1 --eval_steps -1", "at least 1"),
        ("--seed -1", "--seed is -1"),
        ("--seed 4294967296", "below 2"),
        ("--adam_beta2 1", "must be below 1"),
        ("--adam_epsilon -1", "at least 0"),
        ("--preprocessing_num_workers 0", "at least 1"),
        ("--rope_theta -5", "at least 1"),
        ("--warmup_steps 1.5", "whole steps, or below 1 a share"),
        ("--warmup_steps -1", "at least 0"),
        ("--warmup_steps 20 --max_steps 10", "--warmup_steps is 20; the run has 10 steps"),
        ("--lora_rank 64", "--lora_rank has no effect: there are no adapters.\n  → --method lora"),
        ("--merge", "--merge has no effect"),
        ("--eval_steps 10", "--eval_steps has no effect: there is no held-out data"),
        ("--lr_scheduler_type cosinee", "did you mean cosine?"),
        ("--optim adamw_torchh", "did you mean adamw_torch?"),
        ("--training_argument lr_scheduler_kwargs={min_lr:1e-6}", "'min_lr:1e-6'|min_lr:1e-6"),
    ],
)
def test_what_cannot_be_meant_is_said_by_the_settings_alone(flags, sentence):
    with pytest.raises(UsageError) as error:
        parsed(f"--data_path d --model_name_or_path m --output_dir o {flags}").check()
    assert any(one in str(error.value) for one in sentence.split("|"))


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        ("--warmup_ratio 1.0", 1000),
        ("--warmup_ratio 0.5", 500),
        ("--warmup_steps 0.03", 30),
        ("--warmup_steps 1", 1),
        ("--warmup_steps 20 --warmup_ratio 0.5", 20),
        ("--warmup_steps 0 --warmup_ratio 0.5", 0),
        ("", 0),
    ],
)
def test_warming_up_is_as_said(flags, steps, tmp_path):
    from zhinao.train.loop import training_arguments

    given = parsed(f"--data_path d --model_name_or_path m --output_dir {tmp_path} --use_cpu --bf16 False "
                   f"--learning_rate 1e-5 {flags}")  # fmt: skip
    given.check()
    assert training_arguments.of(given, False).get_warmup_steps(1000) == steps


def test_a_length_beyond_the_context_needs_something_that_lengthens_it():
    from types import SimpleNamespace

    from zhinao.train.net import context

    def check(length, num_context, scaling=None, rope_theta=None):
        settings = SimpleNamespace(model_max_length=length, rope_theta=rope_theta)
        context.check(settings, SimpleNamespace(num_context_tokens=num_context, rope_scaling=scaling))

    check(8192, 8192)
    check(16384, 8192, rope_theta=1e6)
    with pytest.raises(UsageError, match="knows 8192 positions") as raised:
        check(8193, 8192)
    assert "--rope_theta" in raised.value.hint
    with pytest.raises(UsageError, match="knows 32768 positions") as raised:
        check(40000, 32768, {"rope_type": "yarn"}, rope_theta=1e6)
    assert "yarn" in raised.value.hint and "rope_scaling" in raised.value.hint


@pytest.mark.parametrize("word", ["none", "None", "off", "no", "''"])
def test_no_questions_are_asked_where_none_are_wanted(word):
    from zhinao.train.monitor.samples import questions

    needed = "--data_path d --model_name_or_path m --output_dir o "
    off = parsed(f"{needed}--sample_prompts {word}")
    off.check()
    assert not off.has_samples and questions(off) == ()
    assert len(questions(parsed(needed))) == 5 and questions(parsed(f"{needed}--sample_tokens 0")) == ()
    assert questions(parsed(f"{needed}--sample_prompts 'none of them?' b")) == ("none of them?", "b")


def test_a_file_is_no_question(tmp_path):
    (file := tmp_path / "prompts.txt").write_text("Who are you?")
    given = {"data_path": ("d",), "model_name_or_path": "m", "output_dir": "o"}
    with pytest.raises(UsageError, match="that is a file"):
        TrainSettings(**given, sample_prompts=("你" * 300, str(file))).check()


@pytest.mark.parametrize("verb", ["finetune", "pretrain", "prefer"])
def test_every_group_of_flags_has_a_chinese_heading(verb, capsys):
    with pytest.raises(SystemExit):
        cli.main(["--lang", "zh", verb, "--help"])
    headings = [line for line in capsys.readouterr().out.splitlines() if line.endswith((":", "：")) and line[0] != " "]
    assert len(headings) > 5 and not [line for line in headings if line.isascii()]
