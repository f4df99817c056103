"""Zhinao in transformers computes what the format's description says, in every way a user runs it."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM

from tests.model.reference import reference_logits
from tests.tiny import make_checkpoint
from zhinao.errors import UsageError

WIDE = {"head_dim": 16}  # 6 heads and 2 kv heads of 16, hidden size 48: all three differ
SHAPES = {
    "grouped": WIDE,
    "one-kv-head": {"num_key_value_heads": 1, "num_hidden_layers": 3},
    "as-many-kv-heads": {"num_key_value_heads": 6, "num_hidden_layers": 4},
    "far-theta": {**WIDE, "rope_theta": 1e6},
}
IDS = np.random.default_rng(7).integers(0, 320, 40).tolist()
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("model") / "wide", **WIDE)


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder)


def logits(model, ids, **kwargs):
    with torch.no_grad():
        return model(torch.tensor([ids]), **kwargs).logits[0]


def difference(a, b) -> float:
    return float((torch.as_tensor(a) - torch.as_tensor(b)).abs().max())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("is_tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_equal_an_independent_forward(tmp_path, shape, is_tied, attention):
    folder = make_checkpoint(tmp_path / "m", is_tied=is_tied, scale=0.3 if is_tied else 0.5, **SHAPES[shape])
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention)
    expected = reference_logits(folder, IDS)
    assert 0.3 < expected.std() < 4, "the comparison is only fair where logits are about one"
    assert difference(logits(model, IDS), expected) <= TOLERANCE


def test_the_reference_notices_a_wrong_order_of_rows(folder):
    """The fused rows taken as all q, all k, all v give other logits: the parity above is no accident."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        rows = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        fused = rows.reshape(2, 5, 16, 48)
        attention.q_proj.weight.copy_(fused[:, :3].reshape(96, 48))
    assert difference(logits(model, IDS), reference_logits(folder, IDS)) > 0.01


def test_missing_rope_theta_is_ten_thousand(tmp_path):
    folder = make_checkpoint(tmp_path / "m", **WIDE, rope_theta=None)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.rope_parameters["rope_theta"] == 10000
    explicit = make_checkpoint(tmp_path / "n", **WIDE)
    assert difference(logits(model, IDS), reference_logits(explicit, IDS)) <= TOLERANCE


def test_cached_equals_uncached(model):
    whole, cache, steps = logits(model, IDS), None, []
    for ids in ([*IDS[:5]], *([i] for i in IDS[5:])):
        with torch.no_grad():
            out = model(torch.tensor([ids]), past_key_values=cache, use_cache=True)
        cache, _ = out.past_key_values, steps.append(out.logits[0])
    assert difference(torch.cat(steps), whole) <= TOLERANCE


def test_greedy_generation_with_and_without_cache(model):
    prompt = torch.tensor([IDS[:7]])
    runs = [model.generate(prompt, max_new_tokens=12, do_sample=False, use_cache=c) for c in (True, False)]
    assert runs[0].tolist() == runs[1].tolist()
    assert runs[0].shape == (1, 19)


def test_left_padded_batch_equals_single(model):
    rows = [IDS[:30], IDS[3:12], IDS[8:10]]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        out = model(ids, attention_mask=mask, position_ids=positions).logits
    for row, got in zip(rows, out, strict=True):
        assert difference(got[-len(row) :], logits(model, row)) <= TOLERANCE


DOCUMENTS = [IDS[:9], IDS[9:12], IDS[12:29], IDS[29:30]]


def packed(documents):
    ids = [i for document in documents for i in document]
    positions = [p for document in documents for p in range(len(document))]
    return torch.tensor([ids]), torch.tensor([positions])


@pytest.mark.parametrize("use_cache", [None, True, False])
@pytest.mark.parametrize("mask", [None, "ones"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_documents_equal_the_documents_one_by_one(folder, attention, mask, use_cache):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention)
    ids, positions = packed(DOCUMENTS)
    mask = None if mask is None else torch.ones_like(ids)
    with torch.no_grad():
        got = model(ids, attention_mask=mask, position_ids=positions, use_cache=use_cache).logits[0]
    expected = torch.cat([logits(model, document) for document in DOCUMENTS])
    assert difference(got, expected) <= TOLERANCE


@pytest.mark.parametrize("side", ["left", "right"])
def test_packed_and_padded_rows(model, side):
    rows = [DOCUMENTS[:2], DOCUMENTS[2:]]
    width = 20
    ids, mask, positions = (torch.zeros(2, width, dtype=torch.long) for _ in range(3))
    for n, documents in enumerate(rows):
        row, places = packed(documents)
        at = slice(0, row.shape[1]) if side == "right" else slice(width - row.shape[1], width)
        ids[n, at], mask[n, at], positions[n, at] = row[0], 1, places[0]
    with torch.no_grad():
        got = model(ids, attention_mask=mask, position_ids=positions).logits
    for n, documents in enumerate(rows):
        expected = torch.cat([logits(model, document) for document in documents])
        assert difference(got[n][mask[n].bool()], expected) <= TOLERANCE


def test_packed_gradients_equal_those_of_separate_documents(folder):
    model = AutoModelForCausalLM.from_pretrained(folder).train()
    ids, positions = packed(DOCUMENTS[:3])
    model(ids, position_ids=positions).logits.square().sum().backward()
    together = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    for document in DOCUMENTS[:3]:
        model(torch.tensor([document])).logits.square().sum().backward()
    for name, p in model.named_parameters():
        scale = p.grad.abs().max().clamp(min=1)
        assert float((together[name] - p.grad).abs().max() / scale) < 1e-5, name


def test_flash_attention_refuses_several_packed_rows(model, monkeypatch):
    ids, positions = packed(DOCUMENTS)
    monkeypatch.setattr(model.config, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(UsageError, match="several rows"):
        model(ids.repeat(2, 1), position_ids=positions.repeat(2, 1))


def test_gradient_checkpointing_gives_equal_gradients(folder):
    grads = []
    for is_on in (False, True):
        model = AutoModelForCausalLM.from_pretrained(folder).train()
        if is_on:
            model.gradient_checkpointing_enable()
        ids = torch.tensor([IDS])
        model(ids, labels=ids).loss.backward()
        grads.append({name: p.grad for name, p in model.named_parameters()})
    assert all(torch.equal(grads[0][name], grads[1][name]) for name in grads[0])


def test_base_model_gives_hidden_states(folder, model):
    base = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        hidden = base(torch.tensor([IDS])).last_hidden_state
        assert difference(model.lm_head(hidden)[0], logits(model, IDS)) <= TOLERANCE


def test_attentions_and_hidden_states_are_handed_out(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    out = model(torch.tensor([IDS]), output_attentions=True, output_hidden_states=True)
    assert len(out.attentions) == 2 and out.attentions[0].shape == (1, 6, 40, 40)
    assert len(out.hidden_states) == 3
