"""Losses worked out by hand, what the reference is, and the mean over a global batch."""

import math

import numpy as np
import pytest
import torch

from tests.train.prefer_parts import column, load, losses, make_model, make_pairs, make_trainer
from tests.train.test_prefer_head import by_hand
from zhinao.train.net import prefer_head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("other"), seed=5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def expected_loss(kind: str, log_ratios: np.ndarray, beta: float, smoothing: float = 0.0) -> float:
    """DPO (Rafailov et al. 2023, eq. 7; Chowdhury et al. 2024 for label noise) and NCA for two answers (Chen et al. 2024)."""
    chosen, rejected = beta * log_ratios.reshape(2, -1)
    if kind == "dpo":
        right, wrong = -np.log(sigmoid(chosen - rejected)), -np.log(sigmoid(rejected - chosen))
        each = ((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)
    else:
        each = -np.log(sigmoid(chosen)) - 0.5 * np.log(sigmoid(-chosen)) - 0.5 * np.log(sigmoid(-rejected))
    return float(each.mean())


KINDS = [("dpo", 0.1, 0.0), ("dpo", 0.5, 0.1), ("nca", 0.3, 0.0)]


def arguments(kind: str, beta: float, smoothing: float) -> dict:
    name = {"dpo": "robust" if smoothing else "sigmoid", "nca": "nca_pair"}[kind]
    return {"loss_type": [name], "beta": beta, "label_smoothing": smoothing}


@pytest.mark.parametrize(("kind", "beta", "smoothing"), KINDS)
def test_loss_is_the_papers(folder, other, kind, beta, smoothing):
    pairs = make_pairs(3)
    trainer = make_trainer(folder, pairs, reference=load(other), **arguments(kind, beta, smoothing))
    batch = trainer.data_collator([trainer.train_dataset[n] for n in range(3)])
    found = trainer.compute_loss(trainer.model, batch).detach()
    log_ratios = by_hand(load(folder).eval(), pairs) - by_hand(load(other).eval(), pairs)
    assert float(found) == pytest.approx(expected_loss(kind, log_ratios, beta, smoothing), rel=1e-5)


@pytest.mark.parametrize(("kind", "beta", "smoothing"), KINDS)
def test_gradient_raises_chosen_and_lowers_rejected(folder, monkeypatch, kind, beta, smoothing):
    """On log-probabilities put in by hand, against the derivative by differences."""
    policy, reference = np.array([-3.0, -5.0, -4.0, -2.0]), np.array([-3.5, -4.0, -3.0, -2.5])
    leaf = torch.tensor(policy, requires_grad=True)
    answers = iter([leaf, torch.tensor(reference)])
    monkeypatch.setattr(prefer_head, "row_log_probs", lambda *a, **k: next(answers))
    trainer = make_trainer(folder, make_pairs(2), reference=load(folder), **arguments(kind, beta, smoothing))
    batch = trainer.data_collator([trainer.train_dataset[n] for n in range(2)])
    trainer.compute_loss(trainer.model, batch).backward()
    for n in range(4):
        step = np.eye(4)[n] * 1e-5
        up, down = (expected_loss(kind, policy + sign * step - reference, beta, smoothing) for sign in (1, -1))
        assert float(leaf.grad[n]) == pytest.approx((up - down) / 2e-5, rel=1e-5)
    if not smoothing:
        assert leaf.grad.sign().tolist() == [-1, -1, 1, 1]


def test_margin_grows(folder):
    trainer = make_trainer(folder, make_pairs(8), reference=load(folder), max_steps=20, gradient_accumulation_steps=2)
    trainer.train()
    margins, rewards = column(trainer, "rewards/margins"), column(trainer, "rewards/accuracies")
    assert losses(trainer)[0] == pytest.approx(math.log(2), abs=1e-6)
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert np.mean(margins[-5:]) > 0.5 > np.mean(margins[:5])
    assert rewards[-1] == 1
    assert "entropy" not in trainer.state.log_history[0]  # nothing is told that was not computed


def _with_adapters(folder):
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    return get_peft_model(load(folder), LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))


def test_without_its_adapters_the_model_is_the_reference(folder):
    """Adapters, a frozen copy and log-probabilities computed beforehand begin with the same loss, and go on from there."""
    pairs, more = make_pairs(8), {"max_steps": 8}
    adapters = make_trainer(folder, pairs, model=_with_adapters(folder), **more)
    assert adapters.ref_model is None
    assert list(adapters.model.peft_config) == ["default"]
    copy = make_trainer(folder, pairs, reference=load(folder), **more)
    before = make_trainer(folder, pairs, precompute_ref_log_probs=True, **more)
    assert before.ref_model is None
    for trainer in (adapters, copy, before):
        trainer.train()
        assert losses(trainer)[0] == pytest.approx(math.log(2), abs=1e-6)
    np.testing.assert_allclose(losses(before), losses(copy), rtol=1e-4)
    assert column(adapters, "rewards/margins")[-1] > 0


def test_adapters_learn_like_a_model_whose_reference_is_a_copy(folder):
    """Switching adapters off gives the same losses, step by step, as a second model in memory."""
    pairs, more = make_pairs(6), {"max_steps": 6}
    off = make_trainer(folder, pairs, model=_with_adapters(folder), **more)
    copy = make_trainer(folder, pairs, model=_with_adapters(folder), reference=load(folder), **more)
    for trainer in (off, copy):
        trainer.train()
    np.testing.assert_allclose(losses(off), losses(copy), rtol=1e-5)


def test_batches_and_accumulation_give_the_same_curve(folder):
    """10 pairs by 4: the last batch of each epoch has 2, and weighs as 2."""
    pairs, curves = make_pairs(10), []
    for size, times in ((4, 1), (2, 2), (1, 4)):
        trainer = make_trainer(
            folder,
            pairs,
            reference=load(folder),
            per_device_train_batch_size=size,
            gradient_accumulation_steps=times,
            max_steps=7,
        )
        trainer.train()
        curves.append(losses(trainer))
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)
    np.testing.assert_allclose(curves[2], curves[0], rtol=1e-5)


def test_a_batch_of_uneven_micro_batches_is_the_mean_over_pairs(folder):
    """3 pairs as 2 and 1: each pair weighs a third."""
    pairs, trainers = make_pairs(3), []
    for size, times in ((3, 1), (2, 2)):
        trainer = make_trainer(
            folder,
            pairs,
            reference=load(folder),
            per_device_train_batch_size=size,
            gradient_accumulation_steps=times,
            max_steps=3,
        )
        trainer.train()
        trainers.append(trainer)
    np.testing.assert_allclose(losses(trainers[1]), losses(trainers[0]), rtol=1e-5)


def test_gradient_checkpointing_changes_nothing(folder):
    curves = []
    for is_on in (False, True):
        trainer = make_trainer(folder, make_pairs(4), reference=load(folder), gradient_checkpointing=is_on, max_steps=4)
        trainer.train()
        curves.append(losses(trainer))
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-6)


@pytest.mark.bf16
def test_bf16_computes_in_bf16_and_keeps_float32_weights(folder):
    trainer = make_trainer(folder, make_pairs(4), reference=load(folder), bf16=True, max_steps=4)
    trainer.train()
    assert losses(trainer)[0] == pytest.approx(math.log(2), abs=1e-6)
    assert losses(trainer)[-1] < losses(trainer)[0]
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}


def test_evaluation_is_the_mean_over_pairs(folder, other):
    pairs = make_pairs(5)
    trainer = make_trainer(
        folder, make_pairs(2), reference=load(other), evaluation=pairs, per_device_eval_batch_size=1, beta=0.1
    )
    log_ratios = by_hand(load(folder).eval(), pairs) - by_hand(load(other).eval(), pairs)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected_loss("dpo", log_ratios, 0.1), rel=1e-5)


def test_pairs_come_in_the_order_that_is_said(folder):
    """`data_seed` draws it in place of `seed`; `sequential` draws nothing."""
    pairs = make_pairs(8)

    def order(**more):
        batches = make_trainer(folder, pairs, reference=load(folder), **more).get_train_dataloader()
        return [tuple(row.tolist()) for batch in batches for row in batch["input_ids"][: len(batch["input_ids"]) // 2]]

    one, other, same = order(data_seed=1), order(data_seed=2), order(data_seed=1, seed=7)
    assert one == same != other
    first = [
        row[: len(pair["prompt_ids"])]
        for row, pair in zip(order(train_sampling_strategy="sequential"), pairs, strict=True)
    ]
    assert first == [tuple(pair["prompt_ids"]) for pair in pairs]
