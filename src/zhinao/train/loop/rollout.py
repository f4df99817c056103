"""Completions drawn from the model that is trained, by transformers' own `generate`, with the log-probability of each drawn token.

Another engine takes this place by giving an object with the same `generate`.
"""

from typing import Protocol

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList


class Rollouts(Protocol):
    """Where completions come from. `is_foreign`: from another program than the trainer's model, so that the two may differ."""

    is_foreign: bool

    def generate(self, trainer, prompt_ids: list[list[int]]) -> tuple[list[list[int]], list[list[float]]]:
        """One completion for each prompt (prompts come repeated), its end token included, and each token's log-probability
        at the trainer's temperature, before top-p and the like."""
        ...


class OwnRollouts:
    is_foreign = False

    def generate(self, trainer, prompt_ids):
        with trainer.accelerator.autocast():
            return draw(
                trainer.accelerator.unwrap_model(trainer.model),
                prompt_ids,
                num_tokens=trainer.max_completion_length,
                pad_id=trainer.pad_id,
                end_ids=trainer.eos_token_ids,
                temperature=trainer.temperature,
                top_p=trainer.top_p,
            )


def draw(model, prompt_ids, *, num_tokens: int, pad_id: int, end_ids, temperature: float = 1.0, top_p: float = 1.0):
    """One completion of at most `num_tokens` for each prompt, its end token included, and log-probabilities, as `Rollouts` says.

    model: of transformers, on the device it is on. By torch's own generator: a seed decides what is drawn.
    """
    batch = _padded(prompt_ids, pad_id, model.device)
    drawn = _Drawn(temperature)
    was_training, before = model.training, model.config.use_cache
    model.eval()
    model.config.use_cache = True
    config = GenerationConfig(
        max_new_tokens=num_tokens,
        do_sample=True,
        temperature=temperature,
        top_p=top_p,
        top_k=0,
        pad_token_id=pad_id,
        eos_token_id=list(end_ids),
        use_cache=True,
        disable_compile=True,
    )
    try:
        with torch.no_grad():
            found = model.generate(**batch, generation_config=config, logits_processor=LogitsProcessorList([drawn]))
    finally:
        model.config.use_cache = before
        model.train(was_training)
    completions = found[:, batch["input_ids"].shape[1] :]
    return _until_end(completions, drawn.of(completions), end_ids)


class _Drawn(LogitsProcessor):
    """Remembers how likely each drawn token was; it is seen a call later, when it stands at the end of the ids."""

    def __init__(self, temperature: float):
        self.temperature, self.last, self.found = temperature, None, []

    def __call__(self, input_ids, scores):
        if self.last is not None:
            self.found.append(self.last.gather(1, input_ids[:, -1:]))
        self.last = (scores.float() / self.temperature).log_softmax(-1)
        return scores

    def of(self, completions) -> torch.Tensor:
        """`(B, T)` for completions `(B, T)`: those remembered, and the last token's."""
        return torch.cat([*self.found, self.last.gather(1, completions[:, -1:])], 1)


def _padded(prompt_ids: list[list[int]], pad_id: int, device) -> dict:
    longest = max(map(len, prompt_ids))
    rows = [[pad_id] * (longest - len(ids)) + ids for ids in prompt_ids]
    masks = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompt_ids]
    return {
        "input_ids": torch.tensor(rows, device=device),
        "attention_mask": torch.tensor(masks, device=device),
    }


def _until_end(completions, log_probs, end_ids) -> tuple[list[list[int]], list[list[float]]]:
    """Up to the first end token, which belongs to the completion."""
    ends = set(end_ids)
    ids, found = [], []
    for row, values in zip(completions.tolist(), log_probs.tolist(), strict=True):
        num = next((place + 1 for place, id in enumerate(row) if id in ends), len(row))
        ids.append(row[:num])
        found.append(values[:num])
    return ids, found
