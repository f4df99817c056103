"""The last layer and its loss in one, without ever holding the logits of all tokens over the whole vocabulary.

Both passes go through the vocabulary block by block: the first finds each token's log-sum-exp, the second (in backward)
makes a block's logits again, turns them into their gradient, and writes that block of the weight's gradient once. Four
matrix products instead of three, but nothing larger than one block is kept between them. On a GPU with Liger Kernel
installed, its Triton kernel takes over. Knows neither positions nor labels to leave out: that is `head.py`'s business.
"""

import inspect
from functools import cache

import torch
from torch.autograd.function import once_differentiable

_BLOCK_ELEMENTS = 2**25  # logits of a block over all tokens: 64 MB in bf16
_CACHE_ELEMENTS = 2**18  # what is exponentiated at once on a CPU: 1 MB in float32, so that it stays in the cache


def linear_cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor | None = None,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Sum over tokens of `weights` · negative log-likelihood, as a float32 scalar (float64 where `hidden` is).

    hidden: `(N, H)`. weight: `(V, H)`. targets: `(N,)` ids below V. weights: `(N,)`, or None where every token counts 1.
    smoothing: the share of the target's place that all V ids have alike, as in `torch.nn.functional.cross_entropy`.
    Products are in the dtype of autocast, else in that of `hidden`; sums, exponentials and the loss in float32. N may be
    0: the loss is 0 and its gradients are zeros. No gradient flows into `weights`, and there is no second derivative.
    """
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    if weights is None and not smoothing and device == "cuda" and len(targets) and (liger := _liger()):
        with torch.autocast(device, enabled=False):
            return liger(weight.to(dtype), hidden.to(dtype), targets).float()
    return _LinearCrossEntropy.apply(hidden, weight, targets, weights, dtype, smoothing)


@cache
def _liger():
    """Liger Kernel's loss, or None where it is not installed or adds up gradients in bf16 only (its older versions)."""
    try:
        from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss as Loss
    except ImportError:
        return None
    is_exact = "accum_dtype" in inspect.signature(Loss).parameters
    return Loss(reduction="sum", accum_dtype=torch.float32) if is_exact else None


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, targets, weights, dtype, smoothing):
        ctx.dtype_of_hidden, ctx.smoothing = hidden.dtype, smoothing
        hidden = hidden.to(dtype)
        work = _Blocks(hidden, weight, targets, smoothing)
        lse, wanted_logits = work.log_sum_exp()
        nll = lse - wanted_logits
        ctx.save_for_backward(hidden, weight, targets, weights, lse)
        return (nll if weights is None else nll * weights).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        hidden, weight, targets, weights, lse = ctx.saved_tensors
        scale = grad_output.to(lse.dtype) * (torch.ones_like(lse) if weights is None else weights)
        work = _Blocks(hidden, weight, targets, ctx.smoothing)
        by_hidden, by_weight = work.gradients(lse, scale, *ctx.needs_input_grad[:2])
        by_hidden = None if by_hidden is None else by_hidden.to(ctx.dtype_of_hidden)
        return by_hidden, by_weight, None, None, None, None


class _Blocks:
    """The blocks of one vocabulary, and the room that each of them uses in turn."""

    def __init__(self, hidden, weight, targets, smoothing: float = 0.0):
        self.hidden, self.weight, self.targets = hidden, weight, targets
        self.at_target, self.everywhere = (
            1 - smoothing,
            smoothing / len(weight),
        )  # of what is wanted, which sums up to 1
        num_tokens, num_ids = len(hidden), len(weight)
        self.width = min(num_ids, max(1024, min(8192, _BLOCK_ELEMENTS // max(num_tokens, 1))))
        self.num_rows = max(1, num_tokens if hidden.is_cuda else _CACHE_ELEMENTS // self.width)
        self.accumulate = torch.promote_types(hidden.dtype, torch.float32)
        self.logits_room = hidden.new_empty(num_tokens * self.width)

    def __iter__(self):
        """Each block: its first id, and its rows of the weight `(W, H)` in the dtype of `hidden`."""
        if len(self.hidden):
            for first in range(0, len(self.weight), self.width):
                yield first, self.weight[first : first + self.width].detach().to(self.hidden.dtype)

    def _logits(self, block):
        room = self.logits_room[: len(self.hidden) * len(block)].view(len(self.hidden), len(block))
        return torch.mm(self.hidden, block.t(), out=room)

    def _targets_within(self, first: int, num_ids: int):
        """Which tokens have their target in this block, and its column there."""
        columns = self.targets - first
        tokens = ((columns >= 0) & (columns < num_ids)).nonzero().squeeze(1)
        return tokens, columns[tokens]

    def log_sum_exp(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Over the whole vocabulary `(N,)`, and the logit that is wanted `(N,)`: the target's, with a share of all others."""
        lse = self.hidden.new_full((len(self.hidden),), -torch.inf, dtype=self.accumulate)
        wanted_logits = torch.zeros_like(lse)
        for first, block in self:
            logits = self._logits(block)
            parts = (tensor.split(self.num_rows) for tensor in (logits, lse, wanted_logits))
            for part, of_part, wanted in zip(*parts, strict=True):
                part = part.to(self.accumulate)
                torch.logaddexp(of_part, part.logsumexp(1), out=of_part)
                if self.everywhere:
                    wanted.add_(part.sum(1), alpha=self.everywhere)
            tokens, columns = self._targets_within(first, len(block))
            wanted_logits[tokens] += self.at_target * logits[tokens, columns].to(self.accumulate)
        return lse, wanted_logits

    def gradients(self, lse, scale, wants_hidden: bool, wants_weight: bool):
        """Of `scale` `(N,)` · nll by hidden `(N, H)`, in float32, and by weight `(V, H)`, in its dtype; None where not wanted."""
        by_hidden = torch.zeros_like(self.hidden, dtype=self.accumulate) if wants_hidden else None
        by_weight = torch.empty_like(self.weight) if wants_weight else None
        if by_weight is not None and not len(self.hidden):
            by_weight.zero_()
        for first, block in self:
            by_logits = self._logits(block)
            self._differentiate(by_logits, lse, scale, first)
            if wants_hidden:
                by_hidden += by_logits @ block
            if wants_weight:
                by_weight[first : first + len(block)] = by_logits.t() @ self.hidden
        return by_hidden, by_weight

    def _differentiate(self, logits, lse, scale, first: int) -> None:
        """Turn a block's logits `(N, W)` in place into the gradient by them: (softmax - what is wanted) · scale."""
        tokens, columns = self._targets_within(first, logits.shape[1])
        at_targets = torch.exp(logits[tokens, columns] - lse[tokens])
        at_targets = at_targets.sub_(self.at_target + self.everywhere) * scale[tokens]
        parts = (tensor.split(self.num_rows) for tensor in (logits, lse.unsqueeze(1), scale.unsqueeze(1)))
        for part, of_part, scale_of_part in zip(*parts, strict=True):
            found = torch.sub(part, of_part).exp_()
            if self.everywhere:
                found.sub_(self.everywhere)
            part.copy_(found.mul_(scale_of_part))
        logits[tokens, columns] = at_targets.to(logits.dtype)
