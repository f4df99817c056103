"""The part of a preference run that has torch in it: model, reference, trainer, callbacks, and how it ends."""

import dataclasses
import os
import sys
from pathlib import Path

from zhinao.hub import LocalModel
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.loop import companions as companion_files
from zhinao.train.loop import record
from zhinao.train.loop.prefer_trainer import PreferTrainer
from zhinao.train.loop.recorded import Recorded
from zhinao.train.method import supervised
from zhinao.train.method.prefer_run import Prepared
from zhinao.train.monitor.facts import RunFacts
from zhinao.train.monitor.guard import LossGuard
from zhinao.train.monitor.samples import answerer
from zhinao.train.net import load as models
from zhinao.train.parallel import processes
from zhinao.train.run import Outcome, say
from zhinao.train.settings import arguments
from zhinao.train.settings.prefer import PreferSettings

TRL_LOSS = {"dpo": "sigmoid", "nca": "nca_pair"}


def run(
    settings: PreferSettings,
    source: LocalModel,
    tokenizer: Tokenizer,
    prepared: Prepared,
    start: Path | None,
    notes: list[str],
) -> Outcome:
    """`settings` and `notes`: of `beforehand.check`."""
    say(*notes, _sentence(settings))
    processes.join(settings)
    args = dpo_config(settings, prepared.evaluation is not None)
    made = record.made_of(settings, source.path, prepared.key, args.world_size)
    supervised.begin(settings, made, start)
    trainer = make_trainer(settings, args, source, tokenizer, prepared, start)
    trainer.add_callback(Recorded(settings.output_dir, made))
    facts = _facts(trainer, settings, source, tokenizer, prepared, made)
    facts.notes = notes
    return supervised.complete(trainer, settings, source, tokenizer, facts, start)


def dpo_config(settings: PreferSettings, has_eval: bool):
    """TRL's configuration for decided settings."""
    from trl import DPOConfig

    return arguments.training_arguments(
        settings,
        has_eval,
        DPOConfig,
        loss_type=["robust" if settings.label_smoothing else TRL_LOSS[settings.loss]],
        beta=settings.beta,
        label_smoothing=settings.label_smoothing,
        max_length=None,  # what is too long has been dropped or refused: TRL would cut the answer's end
        precompute_ref_log_probs=settings.reference == "precomputed",
        disable_dropout=not settings.lora_dropout,
    )


def make_trainer(
    settings: PreferSettings, args, source: LocalModel, tokenizer, prepared: Prepared, start
) -> PreferTrainer:
    """The trainer with its model, which is that of the checkpoint `start` where there is one, and its reference."""
    from transformers import AutoTokenizer

    _quiet()
    folder = start if start and not settings.is_adapter else source.path
    model = models.load(settings, folder, tokenizer)
    is_needed = settings.reference == "copy" or (settings.reference == "precomputed" and start)
    trainer = PreferTrainer(
        model=model,
        ref_model=_reference(settings, source, tokenizer) if is_needed else None,
        args=args,
        processing_class=AutoTokenizer.from_pretrained(source.path, local_files_only=True),
        train_dataset=prepared.train,
        eval_dataset=prepared.evaluation,
        guard=LossGuard(settings.output_dir, tokenizer, is_fp16=settings.fp16, stops_on_spike=settings.stop_on_spike),
    )
    trainer.companions = lambda folder: companion_files.write(source.path, tokenizer, folder)
    return trainer


def _reference(settings: PreferSettings, source: LocalModel, tokenizer):
    model = models.load(dataclasses.replace(settings, method="full"), source.path, tokenizer)
    return model.requires_grad_(False).eval()


def _quiet() -> None:
    """TRL's and datasets' own bars are for terminals."""
    if not sys.stderr.isatty():
        from datasets.utils.logging import disable_progress_bar

        os.environ.setdefault("TQDM_DISABLE", "1")
        disable_progress_bar()


def _sentence(settings: PreferSettings) -> str:
    reference = {
        None: tr("the model without its adapters", "去掉适配器的模型"),
        "copy": tr("a second model in memory", "内存中的第二个模型"),
        "precomputed": tr("computed before the first step", "训练前一次算好"),
    }[settings.reference]
    return tr(
        f"{settings.loss.upper()}, beta {settings.beta:g}, learning rate {settings.learning_rate:g}; reference: {reference}.",
        f"{settings.loss.upper()}，beta {settings.beta:g}，学习率 {settings.learning_rate:g}；参考模型：{reference}。",
    )


def _facts(
    trainer, settings: PreferSettings, source: LocalModel, tokenizer, prepared: Prepared, made: dict
) -> RunFacts:
    model, lengths = trainer.accelerator.unwrap_model(trainer.model), prepared.pairs.lengths()
    answer = None
    if settings.has_samples:
        answer = answerer(
            model, tokenizer, max_new_tokens=settings.sample_tokens, generating=trainer.accelerator.autocast
        )
    return RunFacts(
        output_dir=Path(settings.output_dir),
        model_name=source.name,
        config=dataclasses.asdict(settings),
        hashes={"data": {"all": prepared.key}, "weights": {source.name: made["weights"]}},
        data_table=supervised.table(prepared.pairs.losses),
        data_files=[file.to_json() for file in prepared.pairs.found],
        lengths=lengths,
        num_documents=len(lengths),
        num_tokens=int(lengths.sum()),
        num_supervised=prepared.pairs.num_answered(),
        prompts=supervised.questions(settings),
        answer=answer,
        counts=trainer.counts,
    )
