"""`zhinao plan` as it is used: verdicts for the 7B model, changes that are true, output, exit codes, and bad input."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from tests.train.plan_cases import settings
from zhinao import cli, hub, lang, machine
from zhinao.plan import changes, devices, measure, plan
from zhinao.plan.command import DOES_NOT_FIT
from zhinao.train.net import sizes

RECIPES = Path(__file__).parents[2] / "recipes"


def planned(gpu: str, n: int, **given) -> plan.Plan:
    return plan.make(settings(**given), sizes.find("7b"), plan.Data(), devices.find(gpu), n)


@pytest.mark.parametrize("parallel", ["zero3", "fsdp2"])
def test_7b_trains_whole_on_eight_cards_of_80_gb(parallel):
    assert planned("h100", 8, parallel=parallel, model_max_length=32768).fits


def test_7b_does_not_train_whole_on_one_card_of_24_gb_and_each_change_makes_it_fit():
    first = planned("4090", 1)
    assert not first.fits and first.needed > 4 * first.capacity
    found = changes.cheapest(first.settings, 1, True, plan.trial(first, plan.Data(), 0))
    assert len(found) == 3
    for change in found:
        flags = dict(word.split(" ") for word in " ".join(change.flags).split("--")[1:] for word in [word.strip()])
        n = int(flags.pop("num_gpus", 1))
        again = planned("4090", n, **{**flags})
        assert again.fits and again.needed == change.plan.needed
    costs = [(not change.is_same, change.plan.device_seconds) for change in found]
    assert costs == sorted(costs)


def test_no_part_of_a_change_would_do_alone():
    first = planned("a100-40", 2, model_max_length=32768, gradient_checkpointing=False)
    attempt = plan.trial(first, plan.Data(), 0)
    for change in changes.cheapest(first.settings, 2, True, attempt):
        if change.flags == ("--gradient_checkpointing True",):
            assert attempt(replace(first.settings, gradient_checkpointing=True), 2).fits
        elif "--gradient_checkpointing True" in change.flags:
            assert not attempt(
                replace(change.plan.settings, gradient_checkpointing=False), change.plan.num_devices
            ).fits


def test_nothing_is_shared_with_nobody():
    first = planned("h100", 1, parallel="zero3")
    for change in changes.cheapest(first.settings, 1, True, plan.trial(first, plan.Data(), 0)):
        assert change.plan.num_devices > 1 or not {"--parallel fsdp2", "--parallel zero2"} & set(change.flags)


def test_every_device_has_its_figures_and_their_source():
    for row in devices.ROWS:
        assert row.memory > 20 * 2**30 and 50 < row.tflops < 3000 and all(row.source)
        assert devices.find(row.name) is row


@pytest.fixture
def checkpoint(tmp_path):
    folder = make_checkpoint(tmp_path / "model")
    make_tokenizer(folder)
    return folder


@pytest.fixture
def data(tmp_path):
    file = tmp_path / "data.jsonl"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello there"}]
    file.write_text("".join(json.dumps({"messages": turns * n}) + "\n" for n in (1, 2, 3)))
    return file


def test_the_verb_counts_the_data_and_says_that_it_fits(checkpoint, data, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    command = ["plan", "--model_name_or_path", str(checkpoint), "--data_path", str(data), "--gpu", "h100"]
    command += ["--model_max_length", "200"]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["fits"] and told["plan"]["num_steps"] == 9 and told["plan"]["speed"] == "estimated"
    assert told["plan"]["needed_bytes"] == sum(told["plan"]["parts_bytes"].values())
    assert not [word for word in ("price", "cost", "usd") if word in json.dumps(told).lower()], "prices rot"
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    assert "3 documents" in shown and shown.rstrip().endswith("left.")
    assert cli.main([*command, "--tokens_per_second", "10", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)["plan"]
    assert given["speed"] == "given" and given["tokens_per_second"] == 10
    assert given["hours"] == pytest.approx(told["plan"]["hours"] * told["plan"]["tokens_per_second"] / 10, rel=1e-3)


def test_what_does_not_fit_has_an_exit_code_and_changes(capsys):
    assert cli.main(["plan", "--model_name_or_path", "7b", "--gpu", "4090", "--num_gpus", "1"]) == DOES_NOT_FIT
    shown = capsys.readouterr().out
    assert "Does not fit" in shown and "--method lora " in shown and "host memory" in shown
    assert cli.main(["plan", "--lang", "zh", "--model_name_or_path", "7b", "--gpu", "4090"]) == DOES_NOT_FIT
    assert "放不下" in capsys.readouterr().out
    lang.choose("en")


def test_a_model_that_is_not_here_is_counted_with_its_tokenizer_which_is_fetched(
    checkpoint, data, monkeypatch, tmp_path
):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    asked = []
    monkeypatch.setattr(
        hub, "resolve_tokenizer", lambda name: asked.append(name) or hub.LocalModel(checkpoint, name, None)
    )
    words = ["plan", "--model_name_or_path", "7b-instruct", "--data_path", str(data), "--gpu", "h100", "--lang", "zh"]
    assert cli.main(words) == DOES_NOT_FIT and asked == ["7b-instruct"]
    lang.choose("en")


def test_the_words_are_chinese_down_to_the_source_of_a_speed(capsys):
    cli.main(["plan", "--model_name_or_path", "7b", "--gpu", "4090", "--method", "lora", "--lang", "zh"])
    shown = capsys.readouterr().out
    assert "白皮书附录 A" in shown and "appendix" not in shown and "单进程" in shown
    lang.choose("en")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            [f"{RECIPES}/prefer-nca.yaml"],
            "unknown keys 'loss', 'beta', 'reference'.\n  → they are of `zhinao prefer`\n",
        ),
        (
            [f"{RECIPES}/identity.yaml", "--data_path", "a"],
            "2 numbers for 1 source.\n  → one number for each source: --data_weights 1;",
        ),
        ([], "--model_name_or_path is missing"),
        (["--model_name_or_path", "nobody/knows"], "its config.json is not here"),
        (["--model_name_or_path", "7b", "--gpu", "abacus"], "abacus"),
        (["--model_name_or_path", "7b", "--num_gpus", "0"], "--num_gpus is 0"),
        (["--model_name_or_path", "7b", "--tokens_per_second", "0"], "--tokens_per_second is 0"),
        (["--model_name_or_path", "7b", "--data_path", "x.jsonl", "--gpu", "h100"], "--tokenizer smollm2-135m"),
        (["--model_name_or_path", "7b", "--gpu", "h100", "--measure"], "--measure runs on this machine"),
        (["--model_name_or_path", "7b", "--gpu", "cpu", "--num_gpus", "2", "--measure"], "runs in one process"),
        (["--model_name_or_path", "7b", "--deepspeed", "nowhere.json", "--gpu", "h100"], "nowhere.json"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(flags, sentence, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path))
    monkeypatch.setenv("ZHINAO_OFFLINE", "1")
    monkeypatch.setattr(measure, "baseline", lambda: measure.TYPICAL_BASELINE)
    assert cli.main(["plan", *flags]) not in (0, DOES_NOT_FIT)
    assert sentence in capsys.readouterr().err


def test_short_batches_are_said_to_be_slow(checkpoint, data, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    command = ["plan", "--model_name_or_path", str(checkpoint), "--data_path", str(data), "--gpu", "h100"]
    assert cli.main([*command, "--model_max_length", "200"]) == 0
    assert "--is_concat True fills rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "gib", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", 79.6, "h100"),
        ("NVIDIA A100-SXM4-40GB", 40.0, "a100-40"),
        ("NVIDIA A100-SXM4-80GB", 80.0, "a100-80"),
        ("NVIDIA GeForce RTX 4090", 24.0, "4090"),
        ("NVIDIA GeForce RTX 2060", 6.0, None),
    ],
)
def test_this_machines_gpu_is_recognised(name, gib, expected, monkeypatch):
    gpu = machine.Gpu(name, int(gib * 2**30), "580")
    monkeypatch.setattr(machine, "nvidia_gpus", lambda: (gpu, gpu))
    found = devices.of_this_machine()
    assert (found and (found[0].name, found[1])) == (expected and (expected, 2))
