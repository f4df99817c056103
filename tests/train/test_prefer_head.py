"""Log-probabilities of answers are those of each answer alone, and only what counts reaches the head."""

import numpy as np
import pytest
import torch

from tests.train.prefer_parts import load, make_model, make_pairs
from zhinao.train.net import prefer_head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


def rows_of(pairs: list[dict]) -> list[tuple[list[int], int]]:
    """Ids, and how many of them are the prompt's; the chosen ones first."""
    return [
        (p["prompt_ids"] + p[f"{side}_ids"], len(p["prompt_ids"])) for side in ("chosen", "rejected") for p in pairs
    ]


def batch_of(pairs: list[dict]) -> dict:
    rows = rows_of(pairs)
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [7] * (longest - len(row)) for row, _ in rows])
    real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
    labels = torch.tensor([[-100] * n + row[n:] + [-100] * (longest - len(row)) for row, n in rows])
    return {"input_ids": ids, "attention_mask": real, "labels": labels}


def by_hand(model, pairs: list[dict]) -> np.ndarray:
    """Each row alone through the plain model; the rest in numpy."""
    sums = []
    for ids, start in rows_of(pairs):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0].numpy().astype(np.float64)
        shifted = logits - logits.max(-1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        sums.append(sum(log_probs[t - 1, ids[t]] for t in range(start, len(ids))))
    return np.array(sums)


@pytest.mark.parametrize("number", [1, 3])
def test_log_probs_are_those_of_each_answer_alone(folder, number):
    model, pairs = load(folder).eval(), make_pairs(number)
    expected = by_hand(model, pairs)
    prefer_head.install(model)
    found = model(**batch_of(pairs), fused_lm_head=True).log_probs
    assert found.shape == batch_of(pairs)["input_ids"][:, 1:].shape
    np.testing.assert_allclose(found.sum(1).detach().numpy(), expected, rtol=2e-6)


def test_gradients_are_those_of_the_plain_loss(folder):
    pairs, model, plain = make_pairs(2), load(folder), load(folder)
    prefer_head.install(model)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])
    (prefer_head.row_log_probs(model, **batch_of(pairs)) * weights).sum().backward()
    total = 0
    for weight, (ids, start) in zip(weights, rows_of(pairs), strict=True):
        log_probs = plain(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)
        total = total + weight * sum(log_probs[t - 1, ids[t]] for t in range(start, len(ids)))
    total.backward()
    for (name, one), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-5 * float(other.grad.abs().max())), name


def test_only_positions_that_count_reach_the_head(folder):
    model, pairs, seen = load(folder), make_pairs(2), []
    prefer_head.install(model)
    model.lm_head.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    model(**batch_of(pairs), fused_lm_head=True)
    assert seen == [len(pair[f"{side}_ids"]) for side in ("chosen", "rejected") for pair in pairs]


def test_everything_else_goes_through_the_models_own_forward(folder):
    model = load(folder).eval()
    ids = torch.tensor([[3, 4, 5]])
    before = model(ids, use_cache=False).logits
    prefer_head.install(model)
    assert torch.equal(model(ids, use_cache=False).logits, before)
    assert model.generate(ids, max_new_tokens=2, do_sample=False, pad_token_id=0).shape == (1, 5)
