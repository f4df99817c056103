"""From data paths to the rows a trainer reads: encoded once, mixed by weight, held out, packed. Needs no torch.

All processes of a run come by here before they form a group; the first one encodes, the others find it done.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao.data import holdout
from zhinao.data.encode import substitute
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.omitted import Row
from zhinao.data.read.read import Found
from zhinao.data.store import cache, mix, packing
from zhinao.data.store.cache import TokenCache
from zhinao.lang import counted, tr
from zhinao.train.run import Prepared
from zhinao.train.settings.settings import TrainSettings


@dataclass(frozen=True)
class Rows:
    """`documents[i]` are encoded documents; each of `rows` lists those that share a row."""

    documents: TokenCache
    rows: list[list[int]]

    @property
    def chosen(self) -> np.ndarray:
        """Indices of all documents that occur, as often as they do."""
        return np.concatenate([np.asarray(row, dtype=np.int64) for row in self.rows])


def prepare(settings: TrainSettings, tokenizer_folder: Path) -> Prepared:
    """`train` and `evaluation` are `Rows`. `key`: a hash of all encoded ids and weights, whatever made them, and of which of them are
    held out. Raises DataError for data that cannot be trained on, with file and line."""
    whole = _encoded(settings.data_path, settings, tokenizer_folder)
    chosen, key = _mixed(whole, settings), whole.digest
    if settings.eval_data_path:
        held = _encoded(settings.eval_data_path, settings, tokenizer_folder)
        evaluation = _rows(held, np.arange(len(held)), settings)
    elif settings.eval_share:
        chosen, left = _held_out(whole, chosen, settings)
        evaluation = _rows(whole, left, settings)
        key = f"{key} {hashlib.sha256(left.tobytes()).hexdigest()[:16]}"
    else:
        evaluation = None
    return _prepared(_rows(whole, chosen, settings), evaluation, key)


def _prepared(train: Rows, evaluation: Rows | None, key: str) -> Prepared:
    documents, chosen = train.documents, train.chosen
    num_supervised = int(documents.num_supervised[chosen].sum())
    return Prepared(
        train, evaluation, key, documents.lengths[chosen], num_supervised, documents.losses, documents.found
    )


def how(settings: TrainSettings) -> Choices:
    return Choices(settings.train_on, settings.thoughts, settings.train_thoughts, settings.rejected)


def _encoded(paths, settings: TrainSettings, tokenizer_folder: Path) -> TokenCache:
    return cache.build(
        paths,
        tokenizer_folder,
        how(settings),
        model_max_length=settings.model_max_length,
        overlong=settings.overlong,
        max_overlong_share=settings.max_overlong_share,
        max_faulty_share=settings.max_faulty_share,
        format=settings.format,
        values=substitute.parse(settings.set),
        num_workers=settings.preprocessing_num_workers,
    )


def _mixed(documents: TokenCache, settings: TrainSettings) -> np.ndarray:
    if settings.data_weights is None:
        return np.arange(len(documents))
    num_by_source = np.bincount(documents.source_of, minlength=len(documents.sources))
    return mix.select(num_by_source, settings.data_weights, settings.seed)


def _held_out(documents: TokenCache, chosen: np.ndarray, settings: TrainSettings) -> tuple[np.ndarray, np.ndarray]:
    """What is trained, as often as it was chosen, and what is held out, once each. Samples that begin with the same prompt, and
    all documents of a sample, stay on one side; of samples that mixing takes twice, one counts."""
    samples, first = np.unique(documents.sample_of[chosen], return_index=True)
    are_held = holdout.are_held(documents.groups[chosen[first]], settings.eval_share, settings.seed)
    is_held = np.isin(documents.sample_of[chosen], samples[are_held])
    return chosen[~is_held], np.unique(chosen[is_held])


def _rows(documents: TokenCache, chosen: np.ndarray, settings: TrainSettings) -> Rows:
    if not settings.is_concat:
        return Rows(documents, [[int(index)] for index in chosen])
    packs = packing.best_fit(documents.lengths[chosen], settings.model_max_length, settings.seed)
    return Rows(documents, [[int(chosen[place]) for place in pack] for pack in packs])


def sentences(prepared: Prepared) -> list[str]:
    """What the files were found to be and what of them is not kept, what becomes of them, and, as a table, what is lost."""
    rows, evaluation = prepared.train, prepared.evaluation
    total = prepared.omitted.total
    lines = found_lines(prepared.found, total)
    if evaluation and evaluation.documents is not rows.documents:
        lines += found_lines(evaluation.documents.found, evaluation.documents.losses.total)
    num_tokens, num_supervised = int(prepared.lengths.sum()), prepared.num_supervised
    lines.append(
        tr(
            f"{counted(len(prepared.lengths), 'document')} in {counted(len(rows.rows), 'row')}: {counted(num_tokens, 'token')}, {num_supervised:,} of them trained.",
            f"{len(prepared.lengths):,} 个文档，{len(rows.rows):,} 行：{num_tokens:,} 个 token，其中训练 {num_supervised:,} 个。",
        )
    )
    if evaluation:
        num = len(evaluation.chosen)
        lines.append(
            tr(
                f"{counted(num, 'document is', 'documents are')} held out for evaluation.",
                f"留出 {num:,} 个文档用于验证。",
            )
        )
    if total.num_faulty or total.num_lost_tokens:
        lines.append(printed(prepared.omitted.table()))
    return lines


def found_lines(found: Sequence[Found], total: Row) -> list[str]:
    """Each file with what of it no sample keeps, and how much is left out since it is marked as bad."""
    lines = [line for file in found for line in (f"{file} ({file.num_samples:,})", file.not_kept) if line]
    if total.num_rejected:
        num = counted(total.num_rejected, "sample marked as a bad answer is", "samples marked as bad answers are")
        lines.append(tr(f"{num} left out.", f"略过 {total.num_rejected:,} 条标为坏回答的样本。"))
    return lines


def printed(table) -> str:
    from rich.console import Console

    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()
