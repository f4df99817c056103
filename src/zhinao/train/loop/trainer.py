"""transformers' Trainer for rows of documents: the loss counts tokens over the whole step, whoever read them.

Ways to keep it right that transformers leaves open are closed here: rows come in an order that does not depend on how many
processes share them, and weights are read back by the family's own loader.
"""

import torch
from transformers import Trainer

from zhinao.train.loop.collate import Collator, Packs
from zhinao.train.loop.counts import Counts
from zhinao.train.loop.saving import SavingMixin


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
    """`counts`: what all processes have read. `guard`: is shown each batch's loss before the optimizer uses its gradients."""

    def __init__(
        self, model, args, *, train: Packs, evaluation: Packs | None = None, filler_id: int = 0, guard=None, **more
    ):
        super().__init__(
            model=model,
            args=args,
            train_dataset=train,
            eval_dataset=evaluation,
            data_collator=Collator(filler_id),
            **more,
        )
        self.model_accepts_loss_kwargs = True  # by `head.install`
        self.counts, self.guard = Counts(), guard
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
