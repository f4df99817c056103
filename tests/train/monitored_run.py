"""Real runs of transformers' Trainer on a tiny model, watched: `python -m tests.train.monitored_run FOLDER '[{"max_steps": 4}]'`."""

import json
import sys
import time
import types
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import lang
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.monitor.install import watched
from zhinao.train.monitor.run_facts import RunFacts
from zhinao.train.monitor.samples import answerer

PROMPTS = ("Who are you?", "你是谁？")
LENGTH = 24


class CountingTrainer(Trainer):
    """Counts as the package's trainer does, before the step."""

    counts, seconds = None, 0.0

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.counts.num_tokens += inputs["input_ids"].numel()
        self.counts.num_supervised += int((inputs["labels"] != -100).sum())
        self.counts.num_documents += len(inputs["input_ids"])
        time.sleep(self.seconds)
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
    """In the layout that a plain Trainer can read back from its checkpoints."""
    return make_tokenizer(make_checkpoint(folder, "qwen2"))


def dataset(num: int = 16) -> list[dict]:
    random = torch.Generator().manual_seed(3)
    rows = torch.randint(0, 300, (num, LENGTH), generator=random)
    return [{"input_ids": row, "labels": torch.where(torch.arange(LENGTH) < 8, -100, row)} for row in rows]


def train(
    model_folder: Path, out: Path, *, resume=None, interrupt=None, answer=None, report_to=(), seconds=0.0, **arguments
):
    """Train and return the trainer.

    interrupt: (step, how) of `Interrupt`. answer: instead of the model's own. seconds: what each step takes longer. Other
    keywords: TrainingArguments'.
    """
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attention_dropout=0.2)
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
        answer=answer or answerer(model, Tokenizer.load(model_folder), max_new_tokens=4),
    )
    trainer.counts, trainer.seconds = facts.counts, seconds
    with watched(trainer, types.SimpleNamespace(report_to=report_to), facts):
        if interrupt:
            trainer.add_callback(Interrupt(*interrupt))
        trainer.train(resume_from_checkpoint=resume)
    return trainer


def main(work: Path, runs: list[dict]) -> None:
    """One run after the other, each in a folder of its own (`0`, `1` …); exceptions are said."""
    folder = make_model(work / "model")
    for number, settings in enumerate(runs):
        lang.choose(settings.pop("lang", "en"))
        try:
            train(folder, work / str(number), **settings)
        except (KeyboardInterrupt, RuntimeError) as error:
            print(f"ended by {type(error).__name__}")
    print("all is over")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
