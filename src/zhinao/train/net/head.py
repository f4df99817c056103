"""The model's last layer as a module that can give the loss itself, so that logits are never made in training.

The loss is computed inside the layer's own `forward`: whatever gathers a module's weights around it (ZeRO-3, FSDP2, DDP's
hooks) does so here too. Positions that teach nothing never reach it. Names and ties of weights stay as they were.
"""

import functools
import inspect
import types

import torch
from transformers.modeling_outputs import CausalLMOutputWithPast

from zhinao.train.net.linear_cross_entropy import linear_cross_entropy

IGNORED = -100  # the label of what is not learned, as everywhere in PyTorch


class LossHead(torch.nn.Linear):
    """`lm_head` without bias. Without `targets` it gives logits, as before; with them the summed loss, whose targets are smoothed
    by `smoothing` while it trains (a held-out loss stays what it is without)."""

    smoothing = 0.0

    @classmethod
    def around(cls, linear: torch.nn.Linear) -> "LossHead":
        """A head with the very parameter of `linear`, so that tied weights stay tied."""
        head = cls(linear.in_features, linear.out_features, bias=False, device="meta")
        head.weight = linear.weight
        return head.train(linear.training)

    def forward(self, hidden, targets=None, weights=None):
        """hidden: `(N, H)` with targets `(N,)` and weights `(N,)` or None; any shape `(…, H)` without targets."""
        if targets is None:
            return super().forward(hidden)
        return linear_cross_entropy(hidden, self.weight, targets, weights, self.smoothing if self.training else 0.0)


def install(model, smoothing: float = 0.0):
    """Let `model(…, labels=…)` compute its loss in the last layer. Returns `model`; a second call changes nothing.

    model: a causal language model of transformers with `lm_head` (install before `get_peft_model`). Afterwards, with
    labels: `.loss` is the sum of `loss_weights` · nll over positions whose label is not -100, divided by
    `num_items_in_batch`, or by the sum of the weights where that is None; `.logits` is None. Labels are shifted inside:
    `labels[b, t]` is the id at t, predicted from t - 1; what begins a document (position 0) is never predicted.
    Without labels everything is as before. smoothing: of targets, in training only (`linear_cross_entropy`).
    """
    if not isinstance(model.lm_head, LossHead):
        model.lm_head = LossHead.around(model.lm_head)
        model.lm_head.smoothing = smoothing
        model.forward = types.MethodType(_with_loss(type(model).forward), model)
    return model


def _with_loss(original):
    """The class's `forward`, which goes on to answer calls without labels."""

    @functools.wraps(original)
    def forward(self, *args, labels=None, loss_weights=None, num_items_in_batch=None, **kwargs):
        if labels is None:
            return original(self, *args, **kwargs)
        kwargs = {**kwargs, "use_cache": False}
        kwargs.pop("logits_to_keep", None)
        decoded = self.get_decoder()(*args, **kwargs)
        position_ids = kwargs.get("position_ids")
        loss = _loss(self.lm_head, decoded.last_hidden_state, labels, loss_weights, position_ids, num_items_in_batch)
        return CausalLMOutputWithPast(loss=loss, hidden_states=decoded.hidden_states, attentions=decoded.attentions)

    forward.__signature__ = _with_parameter(inspect.signature(original), "loss_weights")
    return forward


def _with_parameter(signature: inspect.Signature, name: str) -> inspect.Signature:
    """transformers' Trainer reads from the signature which columns of a data set the model takes."""
    *named, last = signature.parameters.values()
    new = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
    return signature.replace(parameters=[*named, new, last])


def _loss(head, hidden, labels, loss_weights, position_ids, num_items):
    """hidden: `(B, T, H)`; labels, loss_weights, position_ids: `(B, T)`, the last two may be None."""
    is_learned = labels[:, 1:] != IGNORED
    if position_ids is not None:
        is_learned &= position_ids[:, 1:] != 0
    weights = None if loss_weights is None else loss_weights[:, 1:][is_learned].float()
    if weights is not None and bool((weights == 1).all()):
        weights = None  # library kernels know none
    total = head(hidden[:, :-1][is_learned], targets=labels[:, 1:][is_learned], weights=weights)
    if num_items is None:
        num_items = (is_learned.sum() if weights is None else weights.sum()).clamp_min(torch.finfo(torch.float32).tiny)
    return total / num_items
