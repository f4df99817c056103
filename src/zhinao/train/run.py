"""One training run from its settings to a model that can be chatted with. What each step does stands in its own file."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import MissingExtraError
from zhinao.train import claim
from zhinao.train.loop import record
from zhinao.train.loop.lasting import lasting_output
from zhinao.train.method import rows
from zhinao.train.net import vocabulary
from zhinao.train.parallel import processes
from zhinao.train.settings import beforehand
from zhinao.train.settings.beforehand import is_first
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Outcome:
    """`is_finished`: all steps were done and the model stands in the output folder. Else `exit_code` says which signal came."""

    num_steps: int
    is_finished: bool
    exit_code: int = 0


def train(settings: TrainSettings, is_text: bool = False) -> Outcome:
    """Supervised fine-tuning; with `is_text` continued pre-training. Every process of a run calls this.

    Raises UsageError (also where another run holds the output folder), DataError, CheckpointError, DiskError, MissingExtraError; a run that was saved is intact after any.
    """
    settings.check()
    check_packages()
    with alone(settings):
        return _train(settings, is_text)


def _train(settings: TrainSettings, is_text: bool) -> Outcome:
    processes.prepare(settings)
    settings, notes = beforehand.check(settings)
    start = record.start_from(settings)
    from zhinao import hub
    from zhinao.model.tokenizer import Tokenizer

    model = hub.resolve(settings.model_name_or_path)
    beforehand.check_model(settings, model.path, start is not None)
    tokenizer_folder = vocabulary.folder_for(settings, model.path)
    tokenizer = Tokenizer.load(tokenizer_folder)
    prepared = rows.prepare(settings, tokenizer_folder)
    say(*rows.told(prepared))
    from zhinao.train.method import supervised

    try:
        return supervised.run(settings, model, tokenizer, prepared, start, notes, is_text)
    finally:
        processes.leave()


@contextlib.contextmanager
def alone(settings: TrainSettings) -> Iterator[None]:
    """Inside, no other run writes into the output folder (the first process sees to it), and the run outlives its terminal."""
    beforehand.check_place(Path(settings.output_dir), settings.model_name_or_path)
    with lasting_output(), claim.claimed(settings.output_dir) if is_first() else contextlib.nullcontext():
        yield


def say(*sentences: str) -> None:
    if is_first():
        for sentence in sentences:
            print(sentence, file=sys.stderr)


def check_packages(*further: str) -> None:
    """Raises MissingExtraError for what training stands on, and for `further` packages."""
    import importlib.util

    for package in ("torch", "transformers", "accelerate", "peft", *further):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
