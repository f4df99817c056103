"""One run of preference tuning up to where torch is needed: settings, model folder, data. The rest is `prefer_session.py`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao.data import holdout
from zhinao.data.encode import substitute
from zhinao.data.store import pairs as prefer_store
from zhinao.data.store.pairs import Pairs
from zhinao.train.loop import record
from zhinao.train.method import rows
from zhinao.train.parallel import processes
from zhinao.train.run import Outcome, alone, check_packages, is_first, say
from zhinao.train.settings import beforehand
from zhinao.train.settings.prefer import PreferSettings, decided


@dataclass(frozen=True)
class Prepared:
    """`train` and `evaluation`: a `datasets.Dataset` each, or None. `key`: of everything that decides ids."""

    pairs: Pairs
    train: object
    evaluation: object | None
    key: str


def prefer(settings: PreferSettings) -> Outcome:
    """Every process of a run calls this. Raises what `run.train` raises; a run that was saved is intact after any."""
    settings.check()
    check_packages("trl", "datasets")
    with alone(settings):
        return _prefer(settings)


def _prefer(settings: PreferSettings) -> Outcome:
    processes.prepare(settings)
    settings, notes = beforehand.check(decided(settings))
    start = record.start_from(settings)
    from zhinao import hub
    from zhinao.model.tokenizer import Tokenizer

    model = hub.resolve(settings.model_name_or_path)
    beforehand.check_model(settings, model.path, start is not None)
    tokenizer = Tokenizer.load(model.path)
    prepared = prepare(settings, model.path)
    _tell(prepared.pairs)
    from zhinao.train.method import preference

    try:
        return preference.run(settings, model, tokenizer, prepared, start, notes)
    finally:
        processes.leave()


def _tell(pairs: Pairs) -> None:
    """What the files were found to be, and what the run loses before it starts, where it loses anything."""
    losses = pairs.losses
    say(*rows.found_lines(pairs.found, losses.total))
    if is_first() and (losses.total.num_overlong or losses.total.num_faulty):
        from rich.console import Console

        Console(stderr=True).print(losses.table())


def prepare(settings: PreferSettings, tokenizer_folder: Path) -> Prepared:
    """Raises DataError for data that cannot be used, with file and line."""
    values = substitute.parse(settings.set)
    pairs = prefer_store.build(settings.data_path, settings, tokenizer_folder, values)
    if settings.eval_data_path:
        held = prefer_store.build(settings.eval_data_path, settings, tokenizer_folder, values)
        return Prepared(pairs, pairs.dataset, held.dataset, f"{pairs.key} {held.key}")
    if settings.eval_share:
        is_held = np.array(holdout.are_held(pairs.groups, settings.eval_share, settings.seed))
        train, evaluation = (pairs.dataset.select(np.flatnonzero(side)) for side in (~is_held, is_held))
        return Prepared(pairs, train, evaluation, pairs.key)
    return Prepared(pairs, pairs.dataset, None, pairs.key)
