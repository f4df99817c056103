"""Supervised training: the next token of documents, which are conversations, completions or plain text. Imports torch when called."""

from pathlib import Path

from zhinao.train import run as frame
from zhinao.train.method import rows
from zhinao.train.method.rows import Rows
from zhinao.train.parallel import presets
from zhinao.train.run import Method, Outcome, Prepared, Run
from zhinao.train.settings.settings import TrainSettings


def train(settings: TrainSettings, is_text: bool = False) -> Outcome:
    """Supervised fine-tuning; with `is_text` continued pre-training. Raises what `run.train` raises."""
    return frame.train(settings, Supervised(is_text))


class Supervised(Method):
    """`train` and `evaluation` of what is prepared are `Rows`."""

    def __init__(self, is_text: bool = False):
        self.is_chat = not is_text

    def prepare(self, settings: TrainSettings, tokenizer_folder: Path) -> Prepared:
        return rows.prepare(settings, tokenizer_folder)

    def sentences(self, settings: TrainSettings, data: Prepared) -> list[str]:
        return rows.sentences(data)

    def trainer(self, run: Run):
        """With its model, which has been through the self-test of packing."""
        from zhinao.train.loop import selftest
        from zhinao.train.loop.trainer import Packs, ZhinaoTrainer
        from zhinao.train.monitor import bad_batch
        from zhinao.train.monitor.guard import LossGuard
        from zhinao.train.net import load

        args, settings = run.args, run.settings
        net = load.load(settings, run.weights, run.tokenizer)

        def packs(chosen: Rows | None, num_rows: int) -> Packs | None:
            return chosen and Packs(chosen.documents, chosen.rows, num_rows * args.world_size)

        trainer = ZhinaoTrainer(
            net,
            args,
            train=packs(run.data.train, args.per_device_train_batch_size),
            evaluation=packs(run.data.evaluation, args.per_device_eval_batch_size),
            filler_id=run.tokenizer.pad_id or 0,
            guard=LossGuard.of(
                settings,
                run.tokenizer,
                document_losses=None if presets.shards_weights(settings) else bad_batch.losses_by(net),
            ),
        )
        selftest.check_packing(net, _shortest(run.data.train), _dtype(settings))
        return trainer


def _dtype(settings: TrainSettings):
    """Of autocast; None for computing in the weights' own."""
    import torch

    return torch.bfloat16 if settings.bf16 else torch.float16 if settings.fp16 else None


def _shortest(chosen: Rows, num_documents: int = 4, max_tokens: int = 1024) -> list:
    """A few documents for the self-test: the shortest, since it is paid for at every start."""
    order = chosen.documents.lengths.argsort(kind="stable")[:num_documents]
    return [chosen.documents[int(index)] for index in order if chosen.documents.lengths[index] <= max_tokens]
