"""What a run computes in: bfloat16 only where the processor multiplies it, and the same answer for everybody who asks."""

import json
from dataclasses import replace

import pytest

from tests.train.plan_cases import device
from zhinao import cli, machine
from zhinao.errors import UsageError
from zhinao.plan import plan
from zhinao.train.parallel import presets
from zhinao.train.settings import precision

PROCESSORS = {"laptop": ("avx2",), "AMX": ("avx2", "avx512_bf16", "amx_bf16")}


@pytest.fixture(params=PROCESSORS)
def has_bf16(request, monkeypatch):
    """Whether the processor that everybody sees has such products."""
    monkeypatch.setattr(machine, "cpu_features", lambda: PROCESSORS[request.param])
    return request.param == "AMX"


@pytest.mark.parametrize(
    ("asked", "on_laptop", "on_amx"), [(None, False, True), (True, False, True), (False, False, False)]
)
def test_on_a_processor(settings, has_bf16, asked, on_laptop, on_amx):
    expected = on_amx if has_bf16 else on_laptop
    chosen = settings(bf16=asked)
    assert precision.bf16(chosen, has_gpu_bf16=False) is expected
    assert plan.decided(replace(chosen, use_cpu=False), device(name="cpu")).bf16 is expected


def test_on_a_gpu_the_processor_does_not_count(settings, has_bf16):
    def on_gpu(has_products: bool, **more) -> bool:
        return precision.bf16(settings(use_cpu=False, **more), has_products)

    assert on_gpu(True, bf16=None) and on_gpu(True, bf16=True) and not on_gpu(True, bf16=None, fp16=True)
    assert not on_gpu(False, bf16=None) and on_gpu(False, bf16=True) and not on_gpu(True, bf16=False)
    assert plan.decided(settings(bf16=None), device()).bf16


def test_a_run_says_what_became_of_bf16(settings, has_bf16):
    pytest.importorskip("torch")
    from zhinao.train.loop import training_arguments
    from zhinao.train.method import supervised

    decided, said = training_arguments.decided(settings(bf16=True))
    assert decided.bf16 is has_bf16 and (precision.sentence() in said) is not has_bf16
    assert training_arguments.of(decided, has_eval=False).bf16 is has_bf16
    assert (supervised._dtype(decided) is None) is not has_bf16
    assert decided.has_narrow_base("bfloat16") is False, "nothing is frozen"
    assert replace(decided, method="lora").has_narrow_base("bfloat16") is has_bf16


def test_preferences_too(settings, has_bf16):
    pytest.importorskip("trl")
    from dataclasses import asdict

    from zhinao.train.loop import training_arguments
    from zhinao.train.method.preference import dpo_config
    from zhinao.train.settings.prefer import PreferSettings

    decided, _ = training_arguments.decided(PreferSettings(**asdict(settings(bf16=True))))
    assert dpo_config(decided, has_eval=False).bf16 is has_bf16


def test_run_json_holds_the_sentence(settings, monkeypatch, tmp_path, capsys):
    pytest.importorskip("torch")
    from zhinao.train.method.supervised import train

    monkeypatch.setattr(machine, "cpu_features", lambda: PROCESSORS["laptop"])
    assert train(settings(bf16=True, max_steps=1)).is_finished
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["config"]["bf16"] is False and precision.sentence() in run["notes"]
    assert precision.sentence() in capsys.readouterr().err


def test_a_deepspeed_file_that_demands_bf16(settings, monkeypatch, tmp_path):
    file = tmp_path / "ds.json"
    file.write_text(json.dumps({"bf16": {"enabled": True, "immediate_grad_update": True}}))
    without = settings(deepspeed=str(file), bf16=False)
    monkeypatch.setattr(machine, "cpu_features", lambda: PROCESSORS["laptop"])
    made = presets.of(without)
    assert made.arguments["deepspeed"]["bf16"] == {"enabled": False, "immediate_grad_update": True}
    assert "float32 is taken" in made.notes[0]
    monkeypatch.setattr(machine, "cpu_features", lambda: PROCESSORS["AMX"])
    with pytest.raises(UsageError, match=r"bf16\.enabled is true, and --bf16 is False"):
        presets.of(without)
    assert presets.of(replace(without, bf16=True)).notes == ()


def test_plan_says_so_too(has_bf16, tmp_path, monkeypatch, capsys):
    from tests.train.plan_cases import SMALL
    from zhinao.plan import measure

    monkeypatch.setattr(measure, "baseline", lambda: 10**9)
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    words = ["--model_name_or_path", str(tmp_path / "config.json"), "--gpu", "cpu", "--bf16", "True", "--json"]
    assert cli.main(["plan", *words]) == 0
    assert (precision.sentence() in json.loads(capsys.readouterr().out)["notes"]) is not has_bf16
