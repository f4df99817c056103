"""The estimate against a process that really trains: within 15 % on a CPU. And `--measure` as it is used."""

import json

import numpy as np
import pytest

from tests.train.plan_cases import SMALL, device, model, settings
from zhinao import cli
from zhinao.data.encode.encoding import Encoded
from zhinao.plan import measure, memory, plan
from zhinao.plan.workload import Batch
from zhinao.train.net import sizes

pytest.importorskip("torch")
CASES = {
    "full, packed": ([400, 300, 200, 124], {"gradient_checkpointing": False}),
    "full, checkpointed": ([1024], {}),
    "adapters, packed": ([400, 300, 200, 124], {"gradient_checkpointing": False, "method": "lora"}),
    "adapters, checkpointed": ([1024], {"method": "lora"}),
    "adapters on 16 bits": ([1024], {"method": "lora"}),
}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(tmp_path_factory.mktemp("home")))
        yield measure.baseline()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "case", [next(iter(CASES)), *(pytest.param(one, marks=pytest.mark.long) for one in [*CASES][1:])]
)
def test_the_peak_is_foreseen_within_15_percent(case, baseline):
    lengths, changes = CASES[case]
    chosen = plan.decided(settings(**changes), device(name="cpu"))
    config = {**SMALL, "torch_dtype": "bfloat16"} if "16 bits" in case else SMALL
    found = model(config)
    if chosen.is_adapter:
        found = sizes.with_adapters(found, chosen.lora_targets, chosen.lora_rank)
    documents = [_document(length) for length in lengths]
    measured = measure.run(chosen, None, config, documents)
    batch = Batch(tuple(lengths), sum(one.num_supervised for one in documents))
    predicted = memory.peak(chosen, found, batch, device(name="cpu"), 1, baseline).total
    assert predicted == pytest.approx(measured.peak_bytes, rel=0.15)
    own = (predicted - baseline) / (measured.peak_bytes - baseline)
    assert 0.7 < own < 1.3, "the process itself must not hide what training takes"
    assert len(measured.seconds) == 3 and measured.num_tokens == 1024


def _document(length: int) -> Encoded:
    ids = np.random.default_rng(length).integers(0, SMALL["vocab_size"], length).astype(np.int32)
    return Encoded(ids, (np.arange(length) % 2).astype(np.float32), None)


@pytest.mark.slow
def test_measure_shows_both_and_takes_the_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**SMALL, "num_hidden_layers": 1, "hidden_size": 96, "vocab_size": 500}))
    command = ["plan", "--model_name_or_path", str(config), "--gpu", "cpu", "--model_max_length", "64", "--measure"]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["needed_bytes"] == told["measured"]["peak_bytes"] != told["plan"]["estimated_bytes"]
    assert told["plan"]["is_measured"] and told["plan"]["tokens_per_second"] > 0
