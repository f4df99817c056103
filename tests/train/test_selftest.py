"""The self-test before a run: quiet on a sound model, loud on each way in which packing goes wrong."""

import numpy as np
import pytest
import torch

from tests.tiny import make_checkpoint
from zhinao.data.encode.encoding import Encoded
from zhinao.errors import ZhinaoError
from zhinao.train.loop import selftest
from zhinao.train.loop.trainer import Collator
from zhinao.train.net import attention, head


def documents(lengths=(30, 90, 12)) -> list[Encoded]:
    random = np.random.default_rng(3)
    return [Encoded(random.integers(320, size=n, dtype=np.int32), np.ones(n, np.float32), None) for n in lengths]


@pytest.fixture(params=["zhinao", "qwen2", "llama"])
def model(request, tmp_path):
    import transformers

    from zhinao.model import register

    register.register()
    make_checkpoint(tmp_path / "model", family=request.param)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    attention.use(model)
    return head.install(model)


def spoiled(model, monkeypatch, change) -> None:
    """Let the self-test see batches in which something is wrong."""

    class Spoiled(Collator):
        def __call__(self, rows):
            return change(super().__call__(rows))

    monkeypatch.setattr(selftest, "Collator", Spoiled)


def without_borders(batch: dict) -> dict:
    return {name: value for name, value in batch.items() if not name.startswith(("cu_seq", "max_length"))}


@pytest.mark.parametrize("dtype", [None, pytest.param(torch.bfloat16, marks=pytest.mark.bf16)])
@pytest.mark.parametrize("lengths", [(30, 90, 12), (5,), (1, 1)])
def test_a_sound_model_passes(model, dtype, lengths):
    model.train()
    selftest.check_packing(model, documents(lengths), dtype)
    assert model.training and model.config._attn_implementation == attention.DOCUMENTS


def test_with_adapters(model):
    import peft

    selftest.check_packing(peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"])), documents())


@pytest.mark.parametrize("dtype", [None, pytest.param(torch.bfloat16, marks=pytest.mark.bf16)])
def test_plain_attention_with_a_mask_of_ones_is_found(model, monkeypatch, dtype):
    model.set_attn_implementation("sdpa")
    monkeypatch.setattr("zhinao.model.packing.is_packed", lambda *_: False)  # by which Zhinao's own class would mend it
    spoiled(model, monkeypatch, lambda batch: {**batch, "attention_mask": torch.ones_like(batch["input_ids"])})
    with pytest.raises(ZhinaoError, match="see each other"):
        selftest.check_packing(model, documents(), dtype)


@pytest.mark.parametrize("dtype", [None, pytest.param(torch.bfloat16, marks=pytest.mark.bf16)])
def test_positions_that_go_on_are_found(model, monkeypatch, dtype):
    def go_on(batch):
        ids = batch["input_ids"]
        return {**without_borders(batch), "position_ids": torch.arange(ids.shape[1])[None]}

    spoiled(model, monkeypatch, go_on)
    with pytest.raises(ZhinaoError, match="see each other"):
        selftest.check_packing(model, documents(), dtype)


def test_a_wrong_border_is_found(model, monkeypatch):
    def shift(batch):
        batch["cu_seq_lens_q"][1] -= 1
        return batch

    spoiled(model, monkeypatch, shift)
    with pytest.raises(ZhinaoError, match="see each other"):
        selftest.check_packing(model, documents())


@pytest.mark.parametrize("dtype", [None, pytest.param(torch.bfloat16, marks=pytest.mark.bf16)])
def test_a_wrong_loss_is_found(model, monkeypatch, dtype):
    plain = head.linear_cross_entropy
    monkeypatch.setattr(head, "linear_cross_entropy", lambda *arguments: plain(*arguments) * 1.05)
    with pytest.raises(ZhinaoError, match="alone it is"):
        selftest.check_packing(model, documents(), dtype)


def test_not_a_number_is_found(model):
    with torch.no_grad():
        model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(ZhinaoError):
        selftest.check_packing(model, documents())
