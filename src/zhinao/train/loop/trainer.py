"""transformers' Trainer for rows of documents without padding: the loss counts tokens over the whole step, whoever read them.

Ways to keep it right that transformers leaves open are closed here: rows come in an order that does not depend on how many
processes share them, and weights are read back by the family's own loader.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import Trainer

from zhinao.data.encode.encoding import Encoded
from zhinao.train.loop.saving import SavingMixin
from zhinao.train.net.head import IGNORED


class Packs(torch.utils.data.Dataset):
    """Lists of documents out of a cache. `[i]`: the documents of row i; from `num_rows` on rows are empty.

    Empty rows fill up the last batch, so that every process has as many batches as the others and nobody sees a document twice.
    """

    def __init__(self, documents: Sequence[Encoded], rows: Sequence[Sequence[int]], multiple: int = 1):
        self.documents, self.rows, self.num_rows = documents, rows, len(rows)
        self.num_filled = -(-len(rows) // multiple) * multiple

    def __len__(self) -> int:
        return self.num_filled

    def __getitem__(self, place: int) -> list[Encoded]:
        if not 0 <= place < self.num_filled:
            raise IndexError(place)
        return [self.documents[index] for index in self.rows[place]] if place < self.num_rows else []


class Collator:
    """Rows of documents -> tensors of one row. `filler_id` stands in a row that has no document at all."""

    def __init__(self, filler_id: int = 0):
        self.filler = Encoded(np.full(1, filler_id, np.int32), np.zeros(1, np.float32), None)

    def __call__(self, rows: list[list[Encoded]]) -> dict:
        """`input_ids`, `position_ids`, `labels`, `loss_weights`: `(1, T)`; `cu_seq_lens_q`, `_k`: `(D + 1,)` int32, where
        documents begin; `max_length_q`, `_k`: the longest. `places`: where each document stands in the data, for people."""
        documents = [document for row in rows for document in row] or [self.filler]
        lengths = [len(document.ids) for document in documents]
        ids = torch.from_numpy(np.concatenate([document.ids for document in documents]).astype(np.int64))
        weights = torch.from_numpy(np.concatenate([document.weights for document in documents]).astype(np.float32))
        borders = torch.tensor(np.concatenate([[0], np.cumsum(lengths)]), dtype=torch.int32)
        return {
            "input_ids": ids[None],
            "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
            "labels": ids.masked_fill(weights == 0, IGNORED)[None],
            "loss_weights": weights[None],
            "cu_seq_lens_q": borders,
            "cu_seq_lens_k": borders,
            "max_length_q": max(lengths),
            "max_length_k": max(lengths),
            "places": [document.place for document in documents],
        }


class EpochSampler(torch.utils.data.Sampler):
    """Rows shuffled anew each epoch by seed and epoch alone, or in their order; the empty ones that fill up the last batch
    stay last."""

    def __init__(self, packs: Packs, seed: int, is_shuffled: bool = True):
        self.packs, self.seed, self.is_shuffled, self.epoch = packs, seed, is_shuffled, 0

    def __len__(self) -> int:
        return len(self.packs)

    def __iter__(self):
        yield from self._shuffled() if self.is_shuffled else range(self.packs.num_rows)
        yield from range(self.packs.num_rows, len(self.packs))

    def _shuffled(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return torch.randperm(self.packs.num_rows, generator=generator).tolist()


class ZhinaoTrainer(SavingMixin, Trainer):
    def __init__(self, model, args, *, train: Packs, evaluation: Packs | None = None, filler_id: int = 0, **more):
        super().__init__(
            model=model,
            args=args,
            train_dataset=train,
            eval_dataset=evaluation,
            data_collator=Collator(filler_id),
            **more,
        )
        self.model_accepts_loss_kwargs = True  # by `head.install`
        seed = args.seed if args.data_seed is None else args.data_seed
        self._sampler = EpochSampler(train, seed, args.train_sampling_strategy != "sequential")

    def _get_train_sampler(self, train_dataset=None):
        return self._sampler

    def _run_epoch(self, **kwargs):
        self._sampler.epoch = kwargs["epoch"]
        return super()._run_epoch(**kwargs)

    def _get_num_items_in_batch(self, batch_samples: list, device) -> torch.Tensor:
        """The sum of loss weights over the batches of this step, on all processes; also counts what was read."""
        sums = torch.zeros(4, dtype=torch.float64)
        for batch in batch_samples:
            weights = batch["loss_weights"]
            is_filler = torch.count_nonzero(weights) == 0 and batch["input_ids"].numel() == 1
            sums += torch.tensor(
                [
                    float(weights.sum(dtype=torch.float64)),
                    0 if is_filler else batch["input_ids"].numel(),
                    torch.count_nonzero(weights),
                    0 if is_filler else len(batch["cu_seq_lens_q"]) - 1,
                ],
                dtype=torch.float64,
            )
        if self.accelerator.num_processes > 1:
            sums = self.accelerator.reduce(sums.to(device), "sum").cpu()
        self.counts.num_tokens += int(sums[1])
        self.counts.num_supervised += int(sums[2])
        self.counts.num_documents += int(sums[3])
        return sums[0].clamp(min=1e-8).to(device)

    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, dict(inputs), num_items_in_batch)
        if self.guard is not None:
            self.guard.check(
                self.state.global_step + 1, self._loss_a_token(loss, inputs, num_items_in_batch), None, inputs
            )
        return loss

    def _loss_a_token(self, loss, inputs: dict, num_items) -> float | None:
        """transformers scales by the number of processes, since DDP averages gradients; None where nothing is learned."""
        own = float(inputs["loss_weights"].sum())
        return float(loss) * float(num_items) / own / self.accelerator.num_processes if own else None

    def _get_grad_norm(self, model, grad_norm=None):
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        if self.guard is not None and norm is not None:
            self.guard.check(self.state.global_step + 1, None, norm)
        return norm

    def compute_loss(self, model, inputs, *more, **options):
        return super().compute_loss(model, _for_model(inputs), *more, **options)

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval") -> dict[str, float]:
        """The loss a token, over all held-out tokens (transformers would average over batches)."""
        sums = torch.zeros(2, dtype=torch.float64)
        self.model_wrapped.eval()
        for batch in self.get_eval_dataloader(eval_dataset):
            batch = self._prepare_inputs(batch)
            num_weights = batch["loss_weights"].sum(dtype=torch.float64).item()
            with torch.no_grad():
                loss = self.model_wrapped(**_for_model(batch)).loss
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            sums += torch.tensor([loss.item() * num_weights, num_weights], dtype=torch.float64)
        self.model_wrapped.train()
        if self.accelerator.num_processes > 1:
            sums = self.accelerator.reduce(sums.to(self.accelerator.device), "sum").cpu()
        metrics = {f"{metric_key_prefix}_loss": (sums[0] / sums[1].clamp(min=1e-8)).item()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def _for_model(batch: dict) -> dict:
    return {name: value for name, value in batch.items() if name != "places"}
