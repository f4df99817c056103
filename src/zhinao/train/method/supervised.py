"""The part of a run that has torch in it: model, trainer, callbacks, and what happens when it ends one way or another."""

import dataclasses
from pathlib import Path

import torch

from zhinao.hub import LocalModel
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.loop import best, finish, record, selftest
from zhinao.train.loop import companions as companion_files
from zhinao.train.loop.collate import Packs
from zhinao.train.loop.interruption import Interruption, StopWhenAsked
from zhinao.train.loop.recorded import Recorded
from zhinao.train.loop.saving import checkpoints
from zhinao.train.loop.trainer import ZhinaoTrainer
from zhinao.train.method.rows import Prepared, Rows
from zhinao.train.monitor import document_losses, page
from zhinao.train.monitor.facts import RunFacts
from zhinao.train.monitor.guard import LossGuard
from zhinao.train.monitor.install import watched
from zhinao.train.monitor.samples import PROMPTS, answerer
from zhinao.train.net import load as models
from zhinao.train.parallel import presets, processes
from zhinao.train.run import Outcome, say
from zhinao.train.settings import arguments
from zhinao.train.settings.settings import TrainSettings


def run(
    settings: TrainSettings,
    source: LocalModel,
    tokenizer: Tokenizer,
    prepared: Prepared,
    start: Path | None,
    notes: list[str],
    is_text: bool,
) -> Outcome:
    """`settings` and `notes`: of `beforehand.check`."""
    say(*notes)
    processes.join(settings)
    args = arguments.training_arguments(settings, prepared.evaluation is not None)
    made = record.made_of(settings, source.path, prepared.key, args.world_size)
    begin(settings, made, start)
    folder = start if start and not settings.is_adapter else source.path
    net = models.load(settings, folder, tokenizer)
    trainer = _trainer(net, args, settings, source, tokenizer, prepared)
    trainer.add_callback(Recorded(settings.output_dir, made))
    selftest.check_packing(net, _shortest(prepared.train), _dtype(settings))
    facts = _facts(trainer, settings, source, tokenizer, prepared, made, is_text)
    facts.notes = notes
    return complete(trainer, settings, source, tokenizer, facts, start)


def begin(settings: TrainSettings, made: dict, start: Path | None) -> None:
    """A run that goes on from `start` must be made of the same as before, else UsageError."""
    if start:
        record.check_same(Path(settings.output_dir), made)
        say(tr(f"Going on from {start}.", f"从 {start} 继续。"))


def complete(
    trainer, settings: TrainSettings, source: LocalModel, tokenizer, facts: RunFacts, start: Path | None
) -> Outcome:
    """Train to the end, or until somebody asks to stop; the model or a checkpoint is written. `trainer`: with SavingMixin."""
    trainer.keeps_best = settings.keep_best
    with Interruption() as interruption:
        stop = StopWhenAsked(interruption, trainer.is_true_anywhere)
        with watched(trainer, settings, facts, stop.is_asked):
            trainer.add_callback(stop)
            trainer.train(str(start) if start else None)
            return _end(trainer, settings, source, tokenizer, interruption)


def _end(trainer, settings: TrainSettings, source: LocalModel, tokenizer, interruption: Interruption) -> Outcome:
    steps = trainer.state.global_step
    if steps < trainer.state.max_steps:
        saved = checkpoints(settings.output_dir)[-1]
        say(
            tr(
                f"Stopped after step {steps}; saved in {saved}. The same command with --resume auto goes on.",
                f"在第 {steps} 步后停止，已保存到 {saved}。同一命令加 --resume auto 可继续。",
            )
        )
        return Outcome(steps, False, interruption.exit_code)
    best_folder = trainer.best_checkpoint()
    folder = finish.write(trainer, settings, source.path, tokenizer, best_folder)
    if trainer.is_world_process_zero():
        page.note(settings.output_dir, delivered=best.delivered(trainer.state, bool(best_folder)))
    if settings.keep_best:
        say(best.sentence(trainer.state, trainer.args.metric_for_best_model, bool(best_folder)))
    say(finish.sentence(folder, settings))
    return Outcome(steps, True)


def _trainer(net, args, settings: TrainSettings, source: LocalModel, tokenizer, prepared: Prepared) -> ZhinaoTrainer:
    def packs(rows: Rows | None, num_rows: int) -> Packs | None:
        return rows and Packs(rows.documents, rows.rows, num_rows * args.world_size)

    trainer = ZhinaoTrainer(
        net,
        args,
        train=packs(prepared.train, args.per_device_train_batch_size),
        evaluation=packs(prepared.evaluation, args.per_device_eval_batch_size),
        filler_id=tokenizer.pad_id or 0,
        guard=LossGuard(
            settings.output_dir,
            tokenizer,
            document_losses=None if presets.shards_weights(settings) else document_losses.by_model(net),
            is_fp16=settings.fp16,
            stops_on_spike=settings.stop_on_spike,
        ),
    )
    trainer.companions = lambda folder: companion_files.write(source.path, tokenizer, folder)
    return trainer


def _dtype(settings: TrainSettings) -> torch.dtype | None:
    return torch.bfloat16 if settings.bf16 else torch.float16 if settings.fp16 else None


def _shortest(rows: Rows, num_documents: int = 4, max_tokens: int = 1024) -> list:
    """A few documents for the self-test: the shortest, since it is paid for at every start."""
    order = rows.documents.lengths.argsort(kind="stable")[:num_documents]
    return [rows.documents[int(index)] for index in order if rows.documents.lengths[index] <= max_tokens]


def _facts(
    trainer, settings: TrainSettings, source: LocalModel, tokenizer, prepared: Prepared, made: dict, is_text: bool
) -> RunFacts:
    documents, chosen = prepared.train.documents, prepared.train.chosen
    net = trainer.accelerator.unwrap_model(trainer.model)
    answer = None
    if settings.has_samples:
        answer = answerer(
            net,
            tokenizer,
            max_new_tokens=settings.sample_tokens,
            is_chat=not is_text,
            generating=trainer.accelerator.autocast,  # as in training: 16-bit weights would be widened for every token
        )
    return RunFacts(
        output_dir=Path(settings.output_dir),
        model_name=source.name,
        config=dataclasses.asdict(settings),
        hashes={"data": {"all": prepared.key}, "weights": {source.name: made["weights"]}},
        data_table=table(documents.losses),
        data_files=[file.to_json() for file in documents.found],
        lengths=documents.lengths[chosen],
        num_documents=len(chosen),
        num_tokens=int(documents.lengths[chosen].sum()),
        num_supervised=int(documents.num_supervised[chosen].sum()),
        prompts=questions(settings),
        answer=answer,
        counts=trainer.counts,
    )


def questions(settings: TrainSettings) -> tuple[str, ...]:
    """That a run's model answers while it is trained."""
    return (settings.sample_prompts or PROMPTS) if settings.has_samples else ()


def table(losses) -> list[list]:
    """What the data loses, for the report: a row of heads, then one for each source."""
    heads = [one.name.removeprefix("num_") for one in dataclasses.fields(losses.total)]
    rows = [[source, *dataclasses.astuple(row)] for source, row in losses.rows.items()]
    return [[tr("source", "来源"), *heads], *rows]
