"""One training run from its settings to a model that can be chatted with, whatever it learns: the frame, which knows no method.

Check, prepare, join the processes, begin or resume, train, end. What is read and what is learned from it says a `Method`, a file each
in `method/`. Torch is imported only behind `processes.prepare`, since it reads the environment when it is.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zhinao import hub
from zhinao.data.encode.omitted import Omitted
from zhinao.data.read.read import Found
from zhinao.hub import LocalModel
from zhinao.lang import tr
from zhinao.model.tokenizer import Tokenizer
from zhinao.train import beforehand, claim
from zhinao.train.loop import checkpoints, record
from zhinao.train.loop.lasting import lasting_output
from zhinao.train.monitor import page
from zhinao.train.net import vocabulary
from zhinao.train.parallel import processes
from zhinao.train.settings import best, decontaminated, packages
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Outcome:
    """`is_finished`: all steps were done and the model stands in the output folder. Else `exit_code` says which signal came."""

    num_steps: int
    is_finished: bool
    exit_code: int = 0


@dataclass(frozen=True)
class Prepared:
    """Data made ready. `train`, `evaluation`: as the method's trainer takes them; the latter None where nothing is held out.

    key: a hash of everything that decides what is read. lengths: tokens of each document of one pass; num_supervised: those of all
    that are learned. omitted: what the data lose before the run. found: what each file was found to be.
    """

    train: object
    evaluation: object | None
    key: str
    lengths: np.ndarray
    num_supervised: int
    omitted: Omitted = field(default_factory=Omitted)
    found: Sequence[Found] = ()


@dataclass(frozen=True)
class Run:
    """A run that has joined its processes. `settings` are decided; `args`: TrainingArguments, of the method's kind.

    source: the model that training began with. start: the checkpoint to go on from, or None. notes: what was decided.
    """

    settings: TrainSettings
    source: LocalModel
    tokenizer: Tokenizer
    data: Prepared
    start: Path | None
    args: object
    notes: list[str]

    @property
    def weights(self) -> Path:
        """The folder whose weights the model begins with; adapters of a checkpoint are read by the trainer."""
        return self.start if self.start and not self.settings.is_adapter else self.source.path


class Method:
    """What a way of training adds to the frame; a subclass says at least how data are prepared and which trainer learns from them."""

    packages: tuple[str, ...] = ()  # needed besides torch, transformers, accelerate and peft
    is_chat = True  # whether sample prompts are a user's messages; else they are continued

    def decided(self, settings: TrainSettings) -> TrainSettings:
        """Settings in which nothing is open that only this method knows; the rest is `training_arguments.decided`'s business."""
        return settings

    def prepare(self, settings: TrainSettings, tokenizer_folder: Path) -> Prepared:
        """All processes come by here before they form a group. Needs no torch. Raises DataError, with file and line."""
        raise NotImplementedError

    def sentences(self, settings: TrainSettings, data: Prepared) -> list[str]:
        """What a person should know of the data, and of what will be learned, before it is."""
        return []

    def arguments(self, settings: TrainSettings, has_evaluation: bool):
        """TrainingArguments for decided settings. Raises UsageError."""
        from zhinao.train.loop import training_arguments

        return training_arguments.of(settings, has_evaluation)

    def trainer(self, run: Run):
        """A Trainer of transformers with `loop.saving.SavingMixin`, and its model (`net.load`)."""
        raise NotImplementedError


def train(settings: TrainSettings, method: Method) -> Outcome:
    """Every process of a run calls this.

    Raises UsageError (also where another run holds the output folder), DataError, CheckpointError, DiskError, MissingExtraError; a run that was saved is intact after any.
    """
    settings.check()
    packages.check_installed(*method.packages)
    with alone(settings):
        return _train(settings, method)


def _train(settings: TrainSettings, method: Method) -> Outcome:
    processes.prepare(settings)
    settings, notes = beforehand.check(method.decided(settings))
    notes = [*notes, *decontaminated.check(settings)]
    start = record.start_from(settings)
    source = hub.resolve(settings.model_name_or_path)
    beforehand.check_model(settings, source.path, start is not None)
    tokenizer_folder = vocabulary.folder_for(settings, source.path)
    data = method.prepare(settings, tokenizer_folder)
    print_once(*method.sentences(settings, data), *notes)
    try:
        processes.join(settings)
        args = method.arguments(settings, data.evaluation is not None)
        run = Run(settings, source, Tokenizer.load(tokenizer_folder), data, start, args, notes)
        return _learn(run, method)
    finally:
        processes.leave()


@contextlib.contextmanager
def alone(settings: TrainSettings) -> Iterator[None]:
    """Inside, no other run writes into the output folder (the first process sees to it), and the run outlives its terminal."""
    beforehand.check_place(Path(settings.output_dir), settings.model_name_or_path)
    with (
        lasting_output(),
        claim.claimed(settings.output_dir) if processes.is_first() else contextlib.nullcontext(),
    ):
        yield


def print_once(*sentences: str) -> None:
    """By the first process alone."""
    if processes.is_first():
        for sentence in sentences:
            print(sentence, file=sys.stderr)


def _learn(run: Run, method: Method) -> Outcome:
    """Train to the end, or until somebody asks to stop; the model or a checkpoint is written."""
    from zhinao.train.loop import finish
    from zhinao.train.loop.interruption import Interruption, StopWhenAsked
    from zhinao.train.loop.recorded import Recorded
    from zhinao.train.monitor.install import watched

    settings, start = run.settings, run.start
    made = record.made_of(settings, run.source.path, run.data.key, run.args.world_size)
    if start:
        record.check_same(Path(settings.output_dir), made)
        print_once(tr(f"Going on from {start}.", f"从 {start} 继续。"))
    trainer = method.trainer(run)
    trainer.companions = lambda folder: finish.write_companions(run.source.path, run.tokenizer, folder)
    trainer.keeps_best = settings.keep_best
    trainer.add_callback(Recorded(settings.output_dir, made))
    facts = _facts(run, method, trainer, made["weights"])
    with Interruption() as interruption:
        stop = StopWhenAsked(interruption, trainer.is_true_anywhere)
        with watched(trainer, settings, facts, stop.is_asked):
            trainer.add_callback(stop)
            trainer.train(str(start) if start else None)
            return _end(run, trainer, interruption.exit_code)


def _facts(run: Run, method: Method, trainer, weights_hash: str):
    """What the run's files and its page tell of it."""
    from zhinao.train.monitor import samples
    from zhinao.train.monitor.run_facts import RunFacts, omitted_table

    settings, data = run.settings, run.data
    answer = None
    if settings.has_samples:
        answer = samples.answerer(
            trainer.accelerator.unwrap_model(trainer.model),
            run.tokenizer,
            max_new_tokens=settings.sample_tokens,
            is_chat=method.is_chat,
            generating=trainer.accelerator.autocast,  # as in training: 16-bit weights would be widened for every token
        )
    return RunFacts(
        output_dir=Path(settings.output_dir),
        model_name=run.source.name,
        config=dataclasses.asdict(settings),
        hashes={"data": {"all": data.key}, "weights": {run.source.name: weights_hash}},
        data_table=omitted_table(data.omitted),
        data_files=[file.to_json() for file in data.found],
        lengths=data.lengths,
        num_documents=len(data.lengths),
        num_tokens=int(data.lengths.sum()),
        num_supervised=data.num_supervised,
        prompts=samples.questions(settings),
        answer=answer,
        counts=trainer.counts,
        notes=run.notes,
    )


def _end(run: Run, trainer, exit_code: int) -> Outcome:
    from zhinao.train.loop import finish

    settings, steps = run.settings, trainer.state.global_step
    if steps < trainer.state.max_steps:
        saved = checkpoints.of(settings.output_dir)[-1]
        print_once(
            tr(
                f"Stopped after step {steps}; saved in {saved}. The same command with --resume auto goes on.",
                f"在第 {steps} 步后停止，已保存到 {saved}。同一命令加 --resume auto 可继续。",
            )
        )
        return Outcome(steps, False, exit_code)
    best_folder = trainer.best_checkpoint()
    folder = finish.write(trainer, settings, run.source.path, run.tokenizer, best_folder)
    if trainer.is_world_process_zero():
        page.note(settings.output_dir, delivered=best.delivered(trainer.state, bool(best_folder)))
    if settings.keep_best:
        print_once(best.sentence(trainer.state, trainer.args.metric_for_best_model, bool(best_folder)))
    print_once(finish.sentence(folder, settings))
    return Outcome(steps, True)
