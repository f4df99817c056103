"""NEFTune: noise on the embeddings while training, scaled by the length of each document (Jain et al., arXiv 2310.05914).

transformers scales by the length of the row, which here holds many documents. Knows neither optimizer nor loss.
"""

import torch


def install(model, alpha: float):
    """Let `model`'s embeddings carry noise, uniform within ±alpha / sqrt(length · width), while it trains. Returns `model`.

    model: a causal language model of transformers, before `get_peft_model`. A document's length is read from `cu_seq_lens_q`, else
    each row is one.
    """
    lengths = {}

    def remember(module, args, kwargs):
        lengths["ends"] = kwargs.get("cu_seq_lens_q")

    def disturb(module, args, output):
        return output + _noise(output, alpha, lengths.get("ends")) if module.training else output

    model.get_decoder().register_forward_pre_hook(remember, with_kwargs=True)
    model.get_input_embeddings().register_forward_hook(disturb)
    return model


def _noise(embedded: torch.Tensor, alpha: float, ends: torch.Tensor | None) -> torch.Tensor:
    """embedded: `(B, T, H)`. ends: `(D + 1,)`, where the documents of the one row begin, and its end; or None."""
    num_tokens, width = embedded.shape[1:]
    lengths = embedded.new_full((num_tokens,), num_tokens, dtype=torch.float32)
    if ends is not None and len(embedded) == 1:
        counts = ends.diff().to(embedded.device, torch.long)
        lengths = counts.repeat_interleave(counts).float()
    scale = alpha / (lengths * width).sqrt()
    return torch.empty_like(embedded).uniform_(-1, 1) * scale[:, None].to(embedded.dtype)
