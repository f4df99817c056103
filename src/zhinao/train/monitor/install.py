"""How a run is watched: all callbacks in their order, and their way into a Trainer. Starts no training."""

import contextlib
from collections.abc import Callable, Iterator

from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback
from transformers.utils import logging

from zhinao.train.monitor.recorder import Recorder
from zhinao.train.monitor.report import Report, reported
from zhinao.train.monitor.run_facts import RunFacts
from zhinao.train.monitor.samples import Samples
from zhinao.train.monitor.status import StatusLine
from zhinao.train.monitor.trackers import trackers


def callbacks(settings, facts: RunFacts, is_stopping: Callable[[], bool] = lambda: False) -> list[TrainerCallback]:
    """Recorder, trackers, status line, samples, report; the order matters. Of `settings` only `report_to` is read.

    Raises UsageError and MissingExtraError for what `--report_to` names.
    """
    recorder = Recorder(facts)
    status = StatusLine(recorder)
    others = trackers(settings.report_to, facts.output_dir)
    return [recorder, *others, status, Samples(facts, status, is_stopping), Report(facts, recorder, status)]


@contextlib.contextmanager
def watched(
    trainer: Trainer, settings, facts: RunFacts, is_stopping: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Inside, `trainer.train()` is shown, logged and reported; transformers' own bars and prints are taken away.

    `is_stopping`: see `Samples`. Works for any Trainer of transformers, TRL's too. Its `args.report_to` should be `none`.
    """
    for kind in (ProgressCallback, PrinterCallback):
        trainer.pop_callback(kind)
    ours = callbacks(settings, facts, is_stopping)
    for callback in ours:
        trainer.add_callback(callback)
    with _no_bars(), reported(ours[-1]):
        yield


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Without transformers' bars of files read and written, which would break the status line."""
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()
