"""A third way of training in one file, for the tests: every line of a text file, learned as it stands. Also a verb of the command."""

import argparse
import hashlib
from pathlib import Path

import numpy as np

from zhinao.model.tokenizer import Tokenizer
from zhinao.train import run as frame
from zhinao.train.run import Method, Prepared, Run
from zhinao.train.settings import flags
from zhinao.train.settings.settings import TrainSettings


class Lines(Method):
    is_chat = False

    def prepare(self, settings: TrainSettings, tokenizer_folder: Path) -> Prepared:
        texts = Path(settings.data_path[0]).read_text(encoding="utf-8").splitlines()
        tokenizer = Tokenizer.load(tokenizer_folder)
        ids = [tokenizer.encode(text) for text in texts]
        key = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        lengths = np.array([len(one) for one in ids])
        return Prepared(ids, None, key, lengths, int(lengths.sum()))

    def sentences(self, settings: TrainSettings, data: Prepared) -> list[str]:
        return [f"{len(data.train)} lines."]

    def trainer(self, run: Run):
        import torch
        from transformers import Trainer

        from zhinao.train.loop.saving import SavingMixin
        from zhinao.train.net import load

        class LinesTrainer(SavingMixin, Trainer):
            def training_step(self, model, inputs, num_items_in_batch=None):
                self.counts.num_tokens += inputs["input_ids"].numel()
                return super().training_step(model, inputs, num_items_in_batch)

        def one_row(rows: list[list[int]]) -> dict:
            row = torch.tensor([[id for ids in rows for id in ids]])
            return {"input_ids": row, "labels": row}

        net = load.load(run.settings, run.weights, run.tokenizer)
        return LinesTrainer(net, run.args, train_dataset=run.data.train, data_collator=one_row)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add_arguments(parser, TrainSettings)


def run(args: argparse.Namespace) -> int:
    return frame.train(flags.settings_of(args, TrainSettings), Lines()).exit_code
