"""LoRA through PEFT on the plain projections; merged weights are saved in the fused layout."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.tiny import make_checkpoint
from zhinao.model.checkpoint import Checkpoint

peft = pytest.importorskip("peft")
TARGETS = [f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")]
IDS = torch.arange(20)[None]


@pytest.fixture
def trained(tmp_path):
    """A folder, and a model on it whose adapters are no longer zero."""
    folder = make_checkpoint(tmp_path / "base", head_dim=16)
    config = peft.LoraConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM", init_lora_weights=False)
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).eval()
    return folder, model


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def test_every_target_of_every_layer_is_adapted(trained):
    _, model = trained
    assert sum(name.endswith("lora_A.default.weight") for name, _ in model.named_parameters()) == 2 * 7


def test_saved_adapter_reloads(trained, tmp_path):
    folder, model = trained
    base = AutoModelForCausalLM.from_pretrained(folder)
    assert (logits(base) - logits(model)).abs().max() > 0.01
    model.save_pretrained(tmp_path / "adapter")
    loaded = peft.PeftModel.from_pretrained(base, tmp_path / "adapter")
    assert torch.equal(logits(loaded), logits(model))
    by_transformers = AutoModelForCausalLM.from_pretrained(tmp_path / "adapter")
    assert torch.equal(logits(by_transformers), logits(model))
    plain = AutoModelForCausalLM.from_pretrained(folder)
    plain.load_adapter(str(tmp_path / "adapter"))
    assert torch.equal(logits(plain), logits(model))


def test_merged_weights_are_saved_fused(trained, tmp_path):
    _, model = trained
    expected = logits(model)
    merged = model.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    assert Checkpoint(tmp_path / "merged").is_fused
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert torch.equal(logits(again), logits(merged))
    assert (logits(again) - expected).abs().max() < 1e-4


def test_training_steps_with_checkpointing(trained):
    _, model = trained
    model.train()
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable()
    model(IDS, labels=IDS).loss.backward()
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    assert grads and all(g is not None and g.abs().sum() > 0 for g in grads)
