"""The last layer's loss without logits: as exact as the plain way, in whatever dtype and setting."""

import pytest
import torch
import torch.nn.functional as F

from zhinao.train.net import linear_cross_entropy as module
from zhinao.train.net.linear_cross_entropy import linear_cross_entropy


def plain(hidden, weight, targets, weights=None):
    """The way that transformers goes: all logits, then float32."""
    logits = F.linear(hidden, weight)
    nll = F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), targets, reduction="none")
    return (nll if weights is None else nll * weights).sum()


def material(num_tokens=50, width=32, num_ids=5000, dtype=torch.float32, seed=0):
    """Hidden states, a weight whose largest logits are near 20, targets (among them the first and the last id), weights."""
    random = torch.Generator().manual_seed(seed)
    hidden = torch.randn(num_tokens, width, generator=random, dtype=torch.float64)
    weight = torch.randn(num_ids, width, generator=random, dtype=torch.float64)
    targets = torch.randint(num_ids, (num_tokens,), generator=random)
    targets[:2] = torch.tensor([0, num_ids - 1])[: len(targets)]
    weights = torch.rand(num_tokens, generator=random, dtype=torch.float64).to(torch.float32)
    return hidden.to(dtype), weight.to(dtype), targets, weights


def results(function, hidden, weight, targets, weights, scale=1.0):
    """Loss and gradients of `scale` · loss."""
    hidden, weight = hidden.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_()
    loss = function(hidden, weight, targets, weights)
    (loss * scale).backward()
    return loss.detach(), hidden.grad, weight.grad


def errors(found, exact) -> list[float]:
    return [((a.double() - b.double()).norm() / b.double().norm()).item() for a, b in zip(found, exact, strict=True)]


@pytest.mark.parametrize("num_tokens", [1, 7, 1500])  # one, few, several parts of a block
@pytest.mark.parametrize("is_weighted", [False, True])
def test_float32_is_as_the_plain_way(num_tokens, is_weighted):
    hidden, weight, targets, weights = material(num_tokens, num_ids=9000)  # two blocks, the second not full
    arguments = hidden, weight, targets, weights if is_weighted else None
    found, exact = results(linear_cross_entropy, *arguments, scale=0.37), results(plain, *arguments, scale=0.37)
    assert found[0].dtype == torch.float32 and found[0].shape == ()
    assert max(errors(found, exact)) < 1e-5


def test_gradients_by_finite_differences():
    hidden, weight, targets, weights = material(4, width=3, num_ids=11, dtype=torch.float64)
    hidden.requires_grad_(), weight.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h, w: linear_cross_entropy(h, w, targets, weights.double()), (hidden, weight)
    )


@pytest.mark.parametrize("dtype", [pytest.param(torch.bfloat16, marks=pytest.mark.bf16), torch.float16])
def test_half_precision_is_as_exact_as_the_plain_way(dtype):
    hidden, weight, targets, weights = material(300, width=128, num_ids=9000, dtype=dtype)
    weight = weight / 8
    arguments = hidden, weight, targets, weights
    exact = results(plain, hidden.double(), weight.double(), targets, weights)
    ours, usual = errors(results(linear_cross_entropy, *arguments), exact), errors(results(plain, *arguments), exact)
    assert all(our <= 1.3 * other + 1e-6 for our, other in zip(ours, usual, strict=True)), (ours, usual)


@pytest.mark.bf16
def test_autocast_keeps_float32_masters():
    hidden, weight, targets, weights = material(200, width=64, num_ids=9000)
    exact = results(plain, hidden, weight / 8, targets, weights)
    found = {}
    for name, function in (("ours", linear_cross_entropy), ("plain", plain)):
        with torch.autocast("cpu", torch.bfloat16):
            found[name] = results(function, hidden, weight / 8, targets, weights)
    assert all(tensor.dtype == torch.float32 for tensor in found["ours"])
    ours, usual = errors(found["ours"], exact), errors(found["plain"], exact)
    assert all(our <= 1.05 * other + 1e-6 for our, other in zip(ours, usual, strict=True)), (ours, usual)


def test_only_the_gradients_that_are_wanted():
    hidden, weight, targets, _ = material()
    exact = results(plain, hidden, weight, targets, None)
    linear_cross_entropy(hidden.requires_grad_(), weight, targets).backward()
    assert weight.grad is None and errors([hidden.grad], [exact[1]])[0] < 1e-5
    linear_cross_entropy(hidden.detach(), weight.requires_grad_(), targets).backward()
    assert errors([weight.grad], [exact[2]])[0] < 1e-5
    with torch.no_grad():
        assert not linear_cross_entropy(hidden, weight, targets).requires_grad


def test_a_tied_weight_gathers_both_gradients():
    _, weight, targets, _ = material()
    grads = []
    for function in (linear_cross_entropy, plain):
        tied = weight.clone().requires_grad_()
        function(F.embedding(targets.flip(0), tied), tied, targets).backward()
        grads.append(tied.grad)
    assert errors(grads[:1], grads[1:])[0] < 1e-5


def test_no_token_at_all_gives_zeros():
    hidden, weight, targets, weights = material(0)
    loss, by_hidden, by_weight = results(linear_cross_entropy, hidden, weight, targets, weights)
    assert loss == 0 and by_hidden.shape == (0, 32) and by_weight.shape == weight.shape and not by_weight.any()


def test_far_apart_logits_stay_finite():
    hidden, weight, targets, weights = material()
    arguments = hidden * 1000, weight, targets, weights
    found, exact = results(linear_cross_entropy, *arguments), results(plain, *arguments)
    assert max(errors(found, exact)) < 1e-5


def test_no_tensor_is_as_large_as_the_logits(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_ELEMENTS", 1024 * 64)
    hidden, weight, targets, _ = material(64, num_ids=20_000)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, (tuple, list)) else [result]:
                if isinstance(tensor, torch.Tensor) and tensor.shape != weight.shape:
                    largest = max(largest, tensor.numel() * tensor.element_size())
            return result

    hidden.requires_grad_(), weight.requires_grad_()
    with Watch():
        linear_cross_entropy(hidden, weight, targets).backward()
    assert largest <= max(weight.numel(), 1024 * 64 * 2) * 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("is_weighted", [False, True])  # without weights Liger's kernel answers, where it is installed
def test_on_a_gpu(is_weighted):
    hidden, weight, targets, weights = (tensor.cuda() for tensor in material(300, width=128, num_ids=9000))
    arguments = hidden, weight / 8, targets, weights if is_weighted else None
    exact = results(plain, *arguments)
    assert max(errors(results(linear_cross_entropy, *arguments), exact)) < 1e-4
    with torch.autocast("cuda", torch.bfloat16):
        assert max(errors(results(linear_cross_entropy, *arguments), exact)) < 2e-2


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("num_tokens", [1, 100])
def test_smoothed_targets_are_torchs(num_tokens, is_weighted):
    """As `F.cross_entropy(label_smoothing=…)`, over two blocks of the vocabulary, and each token with its weight."""
    hidden, weight, targets, weights = material(num_tokens, num_ids=9000, dtype=torch.float64)
    arguments = hidden, weight, targets, weights if is_weighted else None

    def exact(hidden, weight, targets, weights):
        each = F.cross_entropy(F.linear(hidden, weight), targets, reduction="none", label_smoothing=0.2)
        return (each if weights is None else each * weights).sum()

    found = results(lambda *given: linear_cross_entropy(*given, smoothing=0.2), *arguments)
    assert max(errors(found, results(exact, *arguments))) < 1e-9


def test_gradients_of_smoothed_targets_by_finite_differences():
    hidden, weight, targets, weights = material(4, width=3, num_ids=11, dtype=torch.float64)
    hidden.requires_grad_(), weight.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h, w: linear_cross_entropy(h, w, targets, weights.double(), 0.3), (hidden, weight)
    )
