"""Frozen weights under adapters in 16 bits: half the memory, and the very numbers of float32 ones."""

import copy

import pytest
import torch

from zhinao.model.tokenizer import Tokenizer
from zhinao.train.net import adapters
from zhinao.train.net import load as models


def _load(folder, settings):
    return models.load(settings, folder, Tokenizer.load(folder))


def _widened(model):
    """The same with every weight in float32."""
    return copy.deepcopy(model).float()


def _one_step(model):
    ids = torch.arange(40).reshape(2, 20) % 97
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(input_ids=ids, labels=ids, position_ids=torch.arange(20).expand(2, -1)).loss
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["lora", "rslora"])
def test_what_is_narrow_and_what_is_not(settings, in_bf16, method):
    model = _load(in_bf16, settings(method=method, bf16=True))
    for name, parameter in model.named_parameters():
        is_matrix = "_proj.base_layer" in name
        assert parameter.dtype == (torch.bfloat16 if is_matrix else torch.float32), name
        assert not (is_matrix and parameter.requires_grad)
    assert any("_proj.base_layer" in name for name, _ in model.named_parameters())


@pytest.mark.bf16
def test_loss_and_gradients_are_the_same_bits(settings, in_bf16):
    narrow = _load(in_bf16, settings(method="lora", bf16=True, lora_rank=4))
    wide = _widened(narrow)
    (loss, found), (expected_loss, expected) = _one_step(narrow), _one_step(wide)
    assert torch.equal(loss, expected_loss) and found.keys() == expected.keys() and len(found) == 2 * 2 * 7
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_outside_of_autocast_it_computes_in_float32(settings, in_bf16):
    narrow = _load(in_bf16, settings(method="lora", bf16=True)).eval()
    ids = torch.arange(12)[None]
    with torch.no_grad():
        assert torch.equal(narrow(input_ids=ids).logits, _widened(narrow)(input_ids=ids).logits)


def test_merging_rounds_once(settings, in_bf16):
    narrow = _load(in_bf16, settings(method="lora", bf16=True))
    with torch.no_grad():
        for name, parameter in narrow.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    wide = adapters.merged(_widened(narrow)).state_dict()
    merged = adapters.merged(narrow).state_dict()
    assert merged.keys() == wide.keys() and not any("lora" in name for name in merged)
    for name, weight in merged.items():
        assert torch.equal(weight, wide[name].to(weight.dtype)), name


@pytest.mark.parametrize(
    "changes", [{"bf16": False}, {"method": "dora", "bf16": True}, {"parallel": "fsdp2", "bf16": True}]
)
def test_elsewhere_all_is_float32(settings, in_bf16, changes):
    model = _load(in_bf16, settings(**{"method": "lora", **changes}))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_float32_checkpoint_loses_nothing(settings, tiny):
    model = _load(tiny, settings(method="lora", bf16=True))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
