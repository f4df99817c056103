"""Documents in one row do not see each other, whichever of the family's classes holds them; generation stays as it was."""

import pytest
import torch

from tests.tiny import make_checkpoint
from zhinao.train.net import attention

LENGTHS = (9, 1, 14, 1, 5)


def load(folder, **config):
    import transformers

    from zhinao.model import register

    register.register()
    make_checkpoint(folder, **config)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.fixture(params=["zhinao", "qwen2", "llama"])
def model(request, tmp_path):
    model = load(tmp_path / "model", family=request.param)
    attention.use(model)
    return model


def documents() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return [torch.randint(320, (1, length), generator=random) for length in LENGTHS]


def row(documents) -> dict:
    ends = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    return {
        "input_ids": torch.cat(documents, 1),
        "position_ids": torch.cat([torch.arange(length) for length in LENGTHS])[None],
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": max(LENGTHS),
        "max_length_k": max(LENGTHS),
    }


def alone(model, documents) -> torch.Tensor:
    """Logits `(1, T, V)` of each document by itself, through transformers' own attention."""
    with attention.plain(model, "eager"):
        return torch.cat([model(document).logits for document in documents], 1)


def worst(a, b) -> float:
    return (a - b).abs().max().item()


@pytest.mark.parametrize("borders_by", ["cu_seq_lens", "positions"])
def test_packed_is_as_alone(model, borders_by):
    inputs = row(documents())
    if borders_by == "positions":
        inputs = {name: inputs[name] for name in ("input_ids", "position_ids")}
    assert worst(model(**inputs, use_cache=False).logits, alone(model, documents())) < 1e-4


def test_a_mask_of_ones_and_a_cache_change_nothing(model):
    inputs = row(documents())
    mask = torch.ones_like(inputs["input_ids"])
    found = model(**inputs, attention_mask=mask, use_cache=True).logits
    assert worst(found, alone(model, documents())) < 1e-4


def test_several_rows_with_positions_of_their_own(model):
    one, two = documents()[0], documents()[2]
    ids = torch.cat([torch.cat([one, two], 1), torch.cat([two, one], 1)])
    positions = torch.stack([torch.cat([torch.arange(n) for n in lengths]) for lengths in ((9, 14), (14, 9))])
    found = model(input_ids=ids, position_ids=positions, use_cache=False).logits
    assert worst(found[0, :9], alone(model, [one])[0]) < 1e-4
    assert worst(found[1, 14:], alone(model, [one])[0]) < 1e-4


def test_gradients_with_and_without_checkpointing(model):
    inputs = row(documents())
    grads = []
    for is_checkpointed in (False, True):
        model.zero_grad()
        if is_checkpointed:
            model.train()
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model(**inputs, use_cache=False).logits.square().mean().backward()
        grads.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    model.zero_grad()
    alone(model.eval(), documents()).square().mean().backward()
    grads.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    assert worst(grads[0], grads[1]) == 0
    assert worst(grads[0], grads[2]) < 1e-4 * grads[2].abs().max()


@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_generation_is_as_with_plain_attention(model, cache):
    ids = torch.stack([torch.cat([torch.zeros(1, 5, dtype=int), documents()[0]], 1)[0], documents()[2][0]])
    mask = torch.ones_like(ids)
    mask[0, :5] = 0  # padding on the left
    settings = {"max_new_tokens": 12, "do_sample": False, "cache_implementation": cache, "pad_token_id": 0}
    found = model.generate(ids, attention_mask=mask, **settings)
    with attention.plain(model):
        assert torch.equal(found, model.generate(ids, attention_mask=mask, **settings))
    one = model.generate(documents()[0], **settings)
    assert torch.equal(one[0], found[0, 5:])


def test_padding_on_the_right_changes_nothing(model):
    document = documents()[0]
    padded = torch.cat([document, torch.zeros(1, 4, dtype=int)], 1)
    mask = (torch.arange(padded.shape[1]) < 9).long()[None]
    assert worst(model(padded, attention_mask=mask).logits[:, :9], alone(model, [document])) < 1e-4


def test_plain_gives_back_what_was_there(model):
    with pytest.raises(KeyError), attention.plain(model):
        assert model.config._attn_implementation == "sdpa"
        raise KeyError
    assert model.config._attn_implementation == attention.DOCUMENTS


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_kernel_on_a_gpu(model):
    model = model.cuda().bfloat16()
    inputs = {name: value.cuda() if torch.is_tensor(value) else value for name, value in row(documents()).items()}
    exact = alone(model.float(), [document.cuda() for document in documents()])
    found = model.bfloat16()(**inputs, use_cache=False).logits
    assert (found - exact).norm() < 0.05 * exact.norm()
