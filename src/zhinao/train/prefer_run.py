"""One run of preference tuning up to where torch is needed: settings, model folder, data. The rest is `prefer_session.py`."""

from dataclasses import dataclass
from pathlib import Path

from zhinao.data import substitute
from zhinao.data.losses import LossTable
from zhinao.train import prefer_store, processes, record
from zhinao.train.prefer_settings import PreferSettings, decided
from zhinao.train.prefer_store import Pairs
from zhinao.train.run import Outcome, alone, check_packages, is_first


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
    start = record.start_from(settings)
    from zhinao import hub
    from zhinao.model.tokenizer import Tokenizer

    model = hub.resolve(settings.model_name_or_path)
    tokenizer = Tokenizer.load(model.path)
    prepared = prepare(settings, model.path)
    _tell(prepared.pairs.losses)
    from zhinao.train import prefer_session

    try:
        return prefer_session.run(decided(settings), model, tokenizer, prepared, start)
    finally:
        processes.leave()


def _tell(losses: LossTable) -> None:
    """What the run loses before it starts, where it loses anything."""
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
    if settings.eval_share and len(pairs.dataset) > 1:
        num_held = max(1, round(len(pairs.dataset) * settings.eval_share))
        parts = pairs.dataset.train_test_split(test_size=num_held, seed=settings.seed)
        return Prepared(pairs, parts["train"], parts["test"], pairs.key)
    return Prepared(pairs, pairs.dataset, None, pairs.key)
