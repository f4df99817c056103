"""One way of fine-tuning, two optimizer steps, in the process that this file is run in. Started by `finetune_peers.py`.

Every way gets the same documents in the same step, the same learning rate, float32 weights and bf16 autocast. The publisher's
two ways are rebuilt from what its script does: every sample padded to the limit, or samples joined to rows without restarting
positions and without keeping them apart. Held-out loss is measured by one evaluator for all: document by document, plainly.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from finetune_conversations import conversations, first_fit, two_steps
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, default_data_collator

from zhinao import hub
from zhinao.data.store.packing import best_fit
from zhinao.model import register
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.loop import training_arguments
from zhinao.train.loop.trainer import IGNORED, Packs, ZhinaoTrainer
from zhinao.train.net import attention
from zhinao.train.net import load as models
from zhinao.train.settings.settings import TrainSettings

NUM_HELD_OUT = 16
COMMON = {
    "learning_rate": 2e-5,
    "lr_scheduler_type": "constant",
    "adam_beta2": 0.999,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 1,
    "bf16": True,
    "use_cpu": True,
    "save_strategy": "no",
    "logging_steps": 1,
    "seed": 0,
}


class InOrder:
    """For trainers: rows in the order in which they stand, so that each step has the documents meant for it."""

    def _get_train_sampler(self, train_dataset=None):
        return torch.utils.data.SequentialSampler(self.train_dataset)


class OurTrainer(InOrder, ZhinaoTrainer):
    pass


class PlainTrainer(InOrder, Trainer):
    pass


class Way:
    """What all ways share. `steps`: lists of documents, one list for each optimizer step."""

    def __init__(self, args: argparse.Namespace, folder: Path, steps: list, work: str):
        self.args, self.folder, self.steps = args, folder, steps
        self.common = {**COMMON, "output_dir": work, "gradient_checkpointing": args.checkpointing}

    def model(self):
        register.register()
        return AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32)

    def train_plainly(self, rows_by_step: list[list[dict]]) -> Trainer:
        common = {**self.common, "gradient_accumulation_steps": len(rows_by_step[0])}
        settings = TrainingArguments(**common, report_to=[], disable_tqdm=True)
        rows = [row for rows in rows_by_step for row in rows]
        return PlainTrainer(self.model(), settings, train_dataset=rows, data_collator=default_data_collator)


class OneByOne(Way):
    """The reference: each document a row by itself, nothing padded, nothing joined."""

    def trainer(self):
        return self.train_plainly([[_row(document) for document in step] for step in self.steps])


class Padding(Way):
    def trainer(self):
        return self.train_plainly([[_padded(_row(one), self.args.limit) for one in step] for step in self.steps])


class Concat(Way):
    def trainer(self):
        return self.train_plainly(
            [[_padded(row, self.args.limit) for row in self._joined(step)] for step in self.steps]
        )

    def _joined(self, step) -> list[dict]:
        for places in first_fit([len(document.ids) for document in step], self.args.limit):
            rows = [_row(step[place]) for place in places]
            yield {name: [value for row in rows for value in row[name]] for name in rows[0]}


class Ours(Way):
    def trainer(self):
        lengths = [[len(document.ids) for document in step] for step in self.steps]
        packs = [best_fit(each, self.args.limit, seed=0) for each in lengths]
        first = len(self.steps[0])
        rows = [*packs[0], *([first + place for place in pack] for pack in packs[1])]
        settings = TrainSettings(
            model_name_or_path=str(self.folder),
            model_max_length=self.args.limit,
            gradient_accumulation_steps=len(packs[0]),
            **self.common,
        )
        settings, _ = training_arguments.decided(settings)
        model = models.load(settings, self.folder, Tokenizer.load(self.folder))
        documents = [document for step in self.steps for document in step]
        return OurTrainer(model, training_arguments.of(settings, False), train=Packs(documents, rows))


class Trl(Way):
    """TRL's own packing, collator and head; `input_ids` and `labels` are ours, as for everybody."""

    def trainer(self):
        from datasets import Dataset, concatenate_datasets
        from trl import SFTConfig, SFTTrainer, pack_dataset

        class TrlTrainer(InOrder, SFTTrainer):
            pass

        packed = [
            pack_dataset(Dataset.from_list([_row(one) for one in step]), self.args.limit, "bfd") for step in self.steps
        ]
        if len(packed[1]) > len(packed[0]):
            raise ValueError("TRL packed the second step into more rows than the first")
        settings = SFTConfig(
            **{**self.common, "gradient_accumulation_steps": len(packed[0])},
            max_length=self.args.limit,
            packing=True,
            dataset_kwargs={"skip_prepare_dataset": True},
            report_to=[],
            disable_tqdm=True,
        )
        return TrlTrainer(
            self.model(),
            settings,
            train_dataset=concatenate_datasets(packed),
            processing_class=AutoTokenizer.from_pretrained(self.folder),
        )


WAYS = {"one by one": OneByOne, "padding": Padding, "is_concat": Concat, "TRL": Trl, "zhinao": Ours}


def _row(document) -> dict:
    labels = torch.from_numpy(document.ids).long().masked_fill(torch.from_numpy(document.weights) == 0, IGNORED)
    return {"input_ids": document.ids.tolist(), "labels": labels.tolist()}


def _padded(row: dict, limit: int, pad_id: int = 0) -> dict:
    missing = limit - len(row["input_ids"])
    return {
        "input_ids": row["input_ids"] + [pad_id] * missing,
        "labels": row["labels"] + [IGNORED] * missing,
        "attention_mask": [1] * len(row["input_ids"]) + [0] * missing,
    }


def held_out_loss(model, documents) -> float:
    """A supervised token's mean loss, each document by itself through transformers' own attention and logits, in float32."""
    total, number = 0.0, 0
    model.eval()
    with torch.no_grad(), attention.plain(model):
        for document in documents:
            ids, labels = (torch.tensor(_row(document)[name]) for name in ("input_ids", "labels"))
            logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].float()
            total += torch.nn.functional.cross_entropy(logits, labels[1:], reduction="sum").item()
            number += document.num_supervised
    return total / number


def peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])


def measure(args: argparse.Namespace) -> dict:
    folder = hub.resolve(args.model).path
    tokenizer = Tokenizer.load(folder)
    documents = conversations(args.data, args.number + NUM_HELD_OUT, tokenizer, args.limit)
    train, held_out = documents[: args.number], documents[args.number :]
    steps = [[train[index] for index in step] for step in two_steps(train, args.limit)]
    with tempfile.TemporaryDirectory() as work:
        trainer = WAYS[args.way](args, folder, steps, work).trainer()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: loading does not count
        begin = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begin
    chosen = [document for step in steps for document in step]
    return {
        "seconds": seconds,
        "bytes": peak_bytes(),
        "documents": len(chosen),
        "rows": len(trainer.train_dataset),
        "optimizer_steps": trainer.state.global_step,
        "tokens": sum(len(document.ids) for document in chosen),
        "supervised": sum(document.num_supervised for document in chosen),
        "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        "held_out_loss": held_out_loss(trainer.accelerator.unwrap_model(trainer.model), held_out),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=list(WAYS))
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--limit", type=int, default=2048)
    print(json.dumps(measure(parser.parse_args())))
