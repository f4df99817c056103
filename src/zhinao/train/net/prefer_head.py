"""Log-probabilities of answers: the forward of a language model that TRL's DPOTrainer calls, in place of TRL's own.

TRL's computes the head for every position where there is no Triton, and pads. Here no padding reaches the model (each row is a
document of one long row), and only the positions that count reach the head. Knows no loss.
"""

import functools
import types

import torch
from trl.trainer.utils import FusedCausalLMOutput

from zhinao.train.net import head


def install(model) -> None:
    """Let `model(input_ids, attention_mask, labels, fused_lm_head=True)` return log-probabilities; all else stays.

    `model`: a causal language model without a PEFT wrapper. input_ids, attention_mask, labels: `(R, T)`; labels are shifted inside
    and -100 where nothing counts. `.log_probs` is `(R, T - 1)`: a row's sum is the log-probability of its counted tokens (which
    stands in the first column). `.entropy`, `.mean_logits` and `.is_top1` are zeros: they would cost a second pass over the vocabulary.
    """
    head.install(model)
    plain = model.forward

    @functools.wraps(type(model).forward)  # `generate` reads the signature
    def forward(self, *args, fused_lm_head: bool = False, **kwargs):
        return _forward(self, **kwargs) if fused_lm_head else plain(*args, **kwargs)

    model.forward = types.MethodType(forward, model)


def _forward(model, input_ids, attention_mask, labels, **_) -> FusedCausalLMOutput:
    sums = row_log_probs(model, input_ids, attention_mask, labels)
    log_probs = torch.nn.functional.pad(sums[:, None], (0, input_ids.shape[1] - 2))
    nothing = torch.zeros_like(log_probs, requires_grad=False)
    return FusedCausalLMOutput(log_probs=log_probs, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool())


def row_log_probs(model, input_ids, attention_mask, labels) -> torch.Tensor:
    """`(R,)` float32: the log-probability of each row's labels."""
    real = attention_mask.bool()
    positions = (attention_mask.cumsum(1) - 1)[real][None]
    hidden = model.base_model(
        input_ids=input_ids[real][None], position_ids=positions, use_cache=False, **_documents(attention_mask.sum(1))
    ).last_hidden_state[0]
    targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=head.IGNORED)[real]  # what the next token must be
    row = torch.arange(len(real), device=real.device)[:, None].expand_as(real)[real]
    return torch.stack([_log_prob(model.lm_head, hidden, targets, one) for one in _of_each(row, targets, len(real))])


def _log_prob(lm_head, hidden, targets, places) -> torch.Tensor:
    """With weights the head keeps nothing of the size of the vocabulary until the backward pass, on a GPU either."""
    chosen = targets[places]
    return -lm_head(hidden[places], targets=chosen, weights=torch.ones_like(chosen, dtype=torch.float32))


def _of_each(row: torch.Tensor, targets: torch.Tensor, num_rows: int) -> list[torch.Tensor]:
    """For each row, the places in the one long row whose next token counts."""
    return [torch.nonzero((row == number) & (targets != head.IGNORED))[:, 0] for number in range(num_rows)]


def _documents(lengths: torch.Tensor) -> dict:
    """Where the documents of one long row lie, as FlashAttention and ours want to be told. lengths: `(R,)`."""
    borders = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    return {"cu_seq_lens_q": borders, "cu_seq_lens_k": borders, "max_length_q": longest, "max_length_k": longest}
