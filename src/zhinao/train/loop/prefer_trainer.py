"""TRL's DPOTrainer on our token ids: losses, reference and reports of rewards are TRL's; log-probabilities of answers and the
mean over a global batch are ours. Loads nothing and reads no data."""

import torch
from accelerate.utils import is_peft_model
from datasets.fingerprint import Hasher
from trl import DPOTrainer

from zhinao.train.loop.saving import SavingMixin
from zhinao.train.net import prefer_head

NOT_COMPUTED = ("entropy", "logits/chosen", "logits/rejected", "mean_token_accuracy", "num_tokens")
REFERENCE = "ref"  # the adapter that TRL adds


class PreferTrainer(SavingMixin, DPOTrainer):
    """A dataset's columns: `prompt_ids`, `chosen_ids`, `rejected_ids`. `args`: a DPOConfig with `max_length=None`.

    `ref_model`: the reference; None where the model has adapters. With `args.precompute_ref_log_probs` it is used before the
    first step only; None is then the model itself. Counted are two documents a pair; the guard is shown a pair's loss.
    """

    loss_is_scaled_for_ga = True

    def __init__(self, *, model, ref_model=None, **arguments):
        padding = model.config.pad_token_id, model.generation_config.pad_token_id
        super().__init__(model=model, ref_model=ref_model, **arguments)
        self._install_heads()
        # TRL put the tokenizer's padding there; and transformers would do so with its end token
        model.config.pad_token_id, model.generation_config.pad_token_id = padding
        self.processing_class = None
        if is_peft_model(self.model) and REFERENCE in self.model.peft_config:
            self.model.delete_adapter(REFERENCE)  # ours are new: without them the model is what it was
        if self.precompute_ref_logps and self.ref_model is not None:
            self.accelerator._models = [one for one in self.accelerator._models if one is not self.ref_model]
            self.ref_model = None

    def _install_heads(self) -> None:
        model = self.model.get_base_model() if is_peft_model(self.model) else self.model
        for one in (model, self.ref_model):
            one = one and self.accelerator.unwrap_model(one)
            if one is not None and not getattr(one, "has_log_prob_head", False):
                prefer_head.install(one)
                one.has_log_prob_head = True

    def _prepare_dataset(self, dataset, processing_class, args, dataset_name):
        return dataset  # it holds token ids already

    def _precompute_ref_logps(self, dataset, name, batch_size):
        """TRL keeps the result beside the dataset, by data and weights; bits also depend on precision and batch."""
        self._install_heads()  # TRL comes here before its own constructor is done
        dataset._fingerprint = Hasher.hash((dataset._fingerprint, self.args.bf16, self.args.fp16, batch_size))
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def _get_num_items_in_batch(self, batch_samples: list, device) -> torch.Tensor:
        """Pairs of the whole global batch, so that a smaller last one weighs no more than its pairs; also counts what was read."""
        sums = torch.zeros(3, dtype=torch.long, device=device)
        for batch in batch_samples:
            read = [batch["attention_mask"].sum(), batch["completion_mask"].sum(), len(batch["input_ids"])]
            sums += torch.tensor(read, device=device)
        sums = self.accelerator.reduce(sums, "sum")
        self.counts.num_tokens += int(sums[0])
        self.counts.num_supervised += int(sums[1])
        self.counts.num_documents += int(sums[2])
        return sums[2] / 2

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Mean over the pairs of the global batch; TRL's is the mean over this one."""
        with self.accelerator.autocast():  # the reference's own was lost when its head was put in
            loss = super().compute_loss(model, inputs, return_outputs)
        if num_items_in_batch is None:
            return loss
        if self.guard is not None:
            self.guard.check(self.state.global_step + 1, loss.detach(), None, inputs)
        share = len(inputs["input_ids"]) / 2 / num_items_in_batch
        return loss * share * self.accelerator.num_processes  # gradients are averaged over processes

    def log(self, logs, start_time=None):
        for metrics in self._metrics.values():
            for name in NOT_COMPUTED:
                metrics.pop(name, None)
        super().log(logs, start_time)

    def _send_telemetry(self) -> None:
        """TRL tells its makers of each run; we tell nobody."""

    def create_model_card(self, *args, **kwargs) -> None:
        """TRL writes one into each checkpoint; the run's own page says what was trained."""
