"""Which document of a batch did it: each one's loss by itself. For the moment a run has failed; too slow for every step."""

from collections.abc import Callable

import torch

from zhinao.train.monitor.bad_batch import IGNORED, spans


def by_model(model) -> Callable[[dict], list[float]]:
    """A function that gives the loss a token of each document of a batch, by the weights as they are.

    model: unwrapped, and whole in this process (not under ZeRO-3 or FSDP, where one process alone cannot compute). A
    document without supervised tokens counts 0.
    """

    @torch.no_grad()
    def losses(batch: dict) -> list[float]:
        return [_loss(model, ids, labels) for ids, labels in spans(batch)]

    return losses


def _loss(model, ids: list[int], labels: list[int]) -> float:
    if all(label == IGNORED for label in labels[1:]):
        return 0.0
    row = torch.tensor([ids, labels, range(len(ids))], device=model.device)
    return float(model(input_ids=row[:1], labels=row[1:2], position_ids=row[2:]).loss)
