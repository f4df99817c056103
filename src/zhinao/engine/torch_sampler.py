"""The next token out of logits, in torch. Order and meaning are vLLM's, so that engines agree.

Penalties first, then the greedy choice, or temperature, min_p, top_k, top_p and the draw. Knows no model.
"""

import torch

from zhinao.engine.base import Sampling


class Sampler:
    """Draws the tokens of one request. Holds its random state and the counts that penalties need."""

    def __init__(self, sampling: Sampling, prompt_ids: list[int], vocab_size: int, device):
        self.sampling = sampling
        self._random = torch.Generator()  # on the CPU, so that a seed means the same on every device
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed)
        self._counts = torch.zeros(vocab_size, device=device)
        self._is_in_prompt = torch.zeros(vocab_size, dtype=torch.bool, device=device)
        self._is_in_prompt[torch.tensor(prompt_ids, device=device)] = True
        stops = [i for i in sampling.stop_ids if 0 <= i < vocab_size]
        self._stops = torch.tensor(stops, dtype=torch.long, device=device)
        self.num_generated = 0

    def next(self, logits) -> tuple[int, float | None]:
        """The id and, where asked for, its log-likelihood by the model's own distribution. logits: `(V,)`."""
        logits = logits.float()
        adjusted = self._penalise(logits.clone())
        token = int(adjusted.argmax()) if self.sampling.temperature < 1e-5 else self._draw(adjusted)
        self._counts[token] += 1
        self.num_generated += 1
        return token, float(logits[token] - logits.logsumexp(0)) if self.sampling.logprobs else None

    def _penalise(self, logits):
        """min_tokens, repetition (prompt and answer), frequency and presence (answer only); changes `logits`."""
        s = self.sampling
        if self.num_generated < s.min_tokens and len(self._stops):
            logits[self._stops] = -torch.inf
        if s.repetition_penalty != 1:
            is_seen = self._is_in_prompt | (self._counts > 0)
            penalised = torch.where(logits > 0, logits / s.repetition_penalty, logits * s.repetition_penalty)
            logits = torch.where(is_seen, penalised, logits)
        return logits - s.frequency_penalty * self._counts - s.presence_penalty * (self._counts > 0)

    def _draw(self, logits) -> int:
        s = self.sampling
        probs = (logits / s.temperature).softmax(0)
        if s.min_p > 0:
            probs[probs < s.min_p * probs.max()] = 0
        if 0 < s.top_k < len(probs):
            probs[probs < probs.topk(s.top_k).values[-1]] = 0
        if s.top_p < 1:
            ordered, order = (probs / probs.sum()).sort(descending=True)
            probs[order[ordered.cumsum(0) - ordered >= s.top_p]] = 0
        return int(torch.multinomial(probs.cpu(), 1, generator=self._random))
