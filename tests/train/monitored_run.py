"""A real run of transformers' Trainer on a tiny model, watched: `python -m tests.train.monitored_run FOLDER '{"max_steps": 4}'`."""

import json
import sys
import types
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import lang
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.monitor.facts import RunFacts
from zhinao.train.monitor.install import watched
from zhinao.train.monitor.samples import answerer

PROMPTS = ("Who are you?", "你是谁？")
LENGTH = 24


class CountingTrainer(Trainer):
    """Counts as the package's trainer does, before the step."""

    counts = None

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.counts.num_tokens += inputs["input_ids"].numel()
        self.counts.num_supervised += int((inputs["labels"] != -100).sum())
        self.counts.num_documents += len(inputs["input_ids"])
        return super().training_step(model, inputs, num_items_in_batch)


class Interrupt(TrainerCallback):
    """At `step`: what Ctrl-C does, or another exception, or a wish to stop."""

    def __init__(self, step: int, how: str):
        self._step, self._how = step, how

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self._step:
            if self._how == "stop":
                control.should_training_stop = True
            else:
                raise {"ctrl-c": KeyboardInterrupt(), "error": RuntimeError("out of luck <here>")}[self._how]


def make_model(folder: Path) -> Path:
    return make_tokenizer(make_checkpoint(folder))


def dataset(num: int = 16) -> list[dict]:
    random = torch.Generator().manual_seed(3)
    rows = torch.randint(0, 300, (num, LENGTH), generator=random)
    return [{"input_ids": row, "labels": torch.where(torch.arange(LENGTH) < 8, -100, row)} for row in rows]


def train(model_folder: Path, out: Path, *, resume=None, interrupt=None, is_sampled=True, report_to=(), **arguments):
    """Train and return the trainer. `interrupt`: (step, how) of `Interrupt`. Other keywords: TrainingArguments'."""
    import zhinao.model.register  # noqa: F401

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    defaults = {"max_steps": 6, "logging_steps": 1, "eval_steps": 3, "save_steps": 3, "eval_strategy": "steps"}
    args = TrainingArguments(
        output_dir=str(out),
        report_to="none",
        use_cpu=True,
        learning_rate=1e-2,
        per_device_train_batch_size=2,
        **{**defaults, **arguments},
    )
    trainer = CountingTrainer(model=model, args=args, train_dataset=dataset(), eval_dataset=dataset(4))
    facts = RunFacts(
        output_dir=out,
        model_name="tiny <model>",
        config={"learning_rate": 1e-2, "data_path": ["a&b.jsonl"]},
        hashes={"data": {"a&b.jsonl": "0" * 64}},
        data_table=[["what", "samples", "tokens"], ["too long", 3, 1234]],
        lengths=[3, 9, 9, 24],
        num_documents=16,
        num_tokens=16 * LENGTH,
        num_supervised=16 * (LENGTH - 8),
        prompts=PROMPTS,
        answer=answerer(model, Tokenizer.load(model_folder), max_new_tokens=4) if is_sampled else None,
    )
    trainer.counts = facts.counts
    if interrupt:
        trainer.add_callback(Interrupt(*interrupt))
    with watched(trainer, types.SimpleNamespace(report_to=report_to), facts):
        trainer.train(resume_from_checkpoint=resume)
    return trainer


if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    lang.choose(settings.pop("lang", "en"))
    work = Path(sys.argv[1])
    train(make_model(work / "model"), work / "out", **settings)
