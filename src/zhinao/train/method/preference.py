"""Preference tuning: of two answers the better one, by TRL's DPO or NCA, against a reference. Imports torch and TRL when called."""

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np

from zhinao.data import holdout
from zhinao.data.encode import substitute
from zhinao.data.store import pairs as store
from zhinao.data.store.pairs import Pairs
from zhinao.lang import tr
from zhinao.train import run as frame
from zhinao.train.method import rows
from zhinao.train.run import Method, Outcome, Prepared, Run
from zhinao.train.settings import prefer as settings_of
from zhinao.train.settings.prefer import PreferSettings

TRL_LOSS = {"dpo": "sigmoid", "nca": "nca_pair"}


def prefer(settings: PreferSettings) -> Outcome:
    """One run of preference tuning. Raises what `run.train` raises."""
    return frame.train(settings, Preference())


class Preference(Method):
    """`train` and `evaluation` of what is prepared: a `datasets.Dataset` each."""

    packages = ("trl", "datasets")

    def decided(self, settings: PreferSettings) -> PreferSettings:
        return settings_of.decided(settings)

    def prepare(self, settings: PreferSettings, tokenizer_folder: Path) -> Prepared:
        return prepare(settings, tokenizer_folder)

    def sentences(self, settings: PreferSettings, data: Prepared) -> list[str]:
        total = data.omitted.total
        table = [rows.printed(data.omitted.table())] if total.num_overlong or total.num_faulty else []
        return [*rows.found_lines(data.found, total), *table, _sentence(settings)]

    def arguments(self, settings: PreferSettings, has_evaluation: bool):
        return dpo_config(settings, has_evaluation)

    def trainer(self, run: Run):
        """With its model and, where one is needed in memory, its reference."""
        from transformers import AutoTokenizer

        from zhinao.train.loop.prefer_trainer import PreferTrainer
        from zhinao.train.monitor.guard import LossGuard
        from zhinao.train.net import load

        _quiet()
        settings, source = run.settings, run.source
        is_needed = settings.reference == "copy" or (settings.reference == "precomputed" and run.start)
        return PreferTrainer(
            model=load.load(settings, run.weights, run.tokenizer),
            ref_model=_reference(run) if is_needed else None,
            args=run.args,
            processing_class=AutoTokenizer.from_pretrained(source.path, local_files_only=True),
            train_dataset=run.data.train,
            eval_dataset=run.data.evaluation,
            guard=LossGuard.of(settings, run.tokenizer),
        )


def prepare(settings: PreferSettings, tokenizer_folder: Path) -> Prepared:
    """Raises DataError for data that cannot be used, with file and line."""
    values = substitute.parse(settings.set)
    pairs = store.build(settings.data_path, settings, tokenizer_folder, values)
    if settings.eval_data_path:
        held = store.build(settings.eval_data_path, settings, tokenizer_folder, values)
        return _prepared(pairs, pairs.dataset, held.dataset, f"{pairs.key} {held.key}")
    if settings.eval_share:
        is_held = np.array(holdout.are_held(pairs.groups, settings.eval_share, settings.seed))
        train, evaluation = (pairs.dataset.select(np.flatnonzero(side)) for side in (~is_held, is_held))
        return _prepared(pairs, train, evaluation, pairs.key)
    return _prepared(pairs, pairs.dataset, None, pairs.key)


def _prepared(pairs: Pairs, train, evaluation, key: str) -> Prepared:
    return Prepared(train, evaluation, key, pairs.lengths(), pairs.num_answered(), pairs.losses, pairs.found)


def dpo_config(settings: PreferSettings, has_eval: bool):
    """TRL's configuration for decided settings."""
    from trl import DPOConfig

    from zhinao.train.loop import training_arguments

    return training_arguments.of(
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


def _reference(run: Run):
    """The model before training, as a second one."""
    from zhinao.train.net import load

    model = load.load(dataclasses.replace(run.settings, method="full"), run.source.path, run.tokenizer)
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
