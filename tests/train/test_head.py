"""The head's own loss: the same number and gradients as from logits, names and ties as they were."""

import copy

import pytest
import torch
import torch.nn.functional as F

from tests.tiny import make_checkpoint
from zhinao.train.net import head

FAMILIES = pytest.mark.parametrize("family", ["zhinao", "qwen2", "llama"])


def load(folder, **config):
    import transformers

    from zhinao.model import register

    register.register()
    make_checkpoint(folder, **config)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.fixture
def model(tmp_path):
    return head.install(load(tmp_path / "model"))


def batch() -> dict:
    """One row of two documents, 12 and 8 tokens; a third of it is not learned."""
    random = torch.Generator().manual_seed(2)
    ids = torch.randint(320, (1, 20), generator=random)
    labels = ids.masked_fill(torch.rand(1, 20, generator=random) < 0.3, -100)
    positions = torch.cat([torch.arange(12), torch.arange(8)])[None]
    return {"input_ids": ids, "labels": labels, "position_ids": positions}


def nll_of(model, batch) -> torch.Tensor:
    """`(1, T - 1)`: negative log-likelihoods from logits; 0 where nothing is learned."""
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    labels = batch["labels"].masked_fill(batch["position_ids"] == 0, -100)
    return F.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="none")[None]


def grads(model) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


@FAMILIES
@pytest.mark.parametrize("is_tied", [False, True])
def test_loss_and_gradients_are_those_of_the_logits(family, is_tied, tmp_path):
    model = load(tmp_path / "model", family=family, is_tied=is_tied)
    exact = nll_of(model, batch()).sum() / 50
    exact.backward()
    exact_grads = grads(model)
    model.zero_grad()
    output = head.install(model)(**batch(), num_items_in_batch=torch.tensor(50))
    output.loss.backward()
    assert output.logits is None and torch.allclose(output.loss, exact, rtol=1e-5)
    assert (grads(model) - exact_grads).norm() < 1e-5 * exact_grads.norm()


def test_weights_count_and_divide(model):
    weights = torch.linspace(0, 2, 20)[None]
    nll, counted = nll_of(model, batch()), weights[:, 1:].clone()
    learned = (batch()["labels"][:, 1:] != -100) & (batch()["position_ids"][:, 1:] != 0)
    counted[~learned] = 0
    found = model(**batch(), loss_weights=weights).loss
    assert torch.allclose(found, (nll * counted).sum() / counted.sum(), rtol=1e-5)
    mean = model(**batch()).loss
    assert torch.allclose(mean, nll.sum() / learned.sum(), rtol=1e-5)


def test_what_teaches_nothing_never_reaches_the_head(model):
    seen = []
    model.lm_head.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape))
    model(**batch())
    learned = (batch()["labels"][:, 1:] != -100) & (batch()["position_ids"][:, 1:] != 0)
    assert seen == [(learned.sum().item(), 48)]


def test_a_batch_that_teaches_nothing_still_backpropagates(model):
    nothing = batch()
    nothing["labels"] = torch.full_like(nothing["labels"], -100)
    loss = model(**nothing).loss
    loss.backward()
    assert loss == 0 and all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_without_labels_all_is_as_before(tmp_path):
    model = load(tmp_path / "model")
    ids = batch()["input_ids"]
    logits, text = model(ids).logits, model.generate(ids, max_new_tokens=5, do_sample=False)
    head.install(model)
    assert torch.equal(model(ids).logits, logits)
    assert torch.equal(model.generate(ids, max_new_tokens=5, do_sample=False), text)


def test_names_ties_and_files_stay(tmp_path):
    model = load(tmp_path / "model", is_tied=True)
    names = list(model.state_dict())
    assert head.install(head.install(model)) is model
    assert list(model.state_dict()) == names
    assert model.lm_head.weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path / "saved")
    again = type(model).from_pretrained(tmp_path / "saved")
    assert torch.equal(again(batch()["input_ids"]).logits, model(batch()["input_ids"]).logits)
    assert type(again.lm_head) is torch.nn.Linear


def test_a_copy_has_a_head_of_its_own(model):
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.lm_head.weight.zero_()
    assert twin(**batch()).loss.item() == pytest.approx(torch.tensor(320.0).log().item(), rel=1e-5)
    assert model(**batch()).loss.item() != pytest.approx(twin(**batch()).loss.item(), rel=1e-3)


def test_the_trainer_sees_which_columns_are_taken(model):
    import inspect

    names = inspect.signature(model.forward).parameters
    assert {"input_ids", "labels", "loss_weights", "logits_to_keep"} <= set(names)


@pytest.mark.parametrize("also_saved", [None, ["embed_tokens", "lm_head"]])
def test_under_lora(model, also_saved):
    import peft

    exact = model(**batch()).loss
    config = peft.LoraConfig(target_modules=["q_proj"], modules_to_save=also_saved, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    loss = adapted(**batch()).loss
    loss.backward()
    assert torch.allclose(loss, exact, rtol=1e-6)
    learned = {name for name, parameter in adapted.named_parameters() if parameter.grad is not None}
    assert any("lora_B" in name for name in learned)
    assert any("lm_head" in name for name in learned) == bool(also_saved)


@pytest.mark.bf16
def test_checkpointing_and_autocast(model):
    exact = model(**batch()).loss
    model.train().gradient_checkpointing_enable({"use_reentrant": False})
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(**batch()).loss
    loss.backward()
    assert loss.dtype == torch.float32 and torch.allclose(loss, exact, rtol=2e-2)
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
