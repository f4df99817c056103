"""A batch that did harm, kept for people: its numbers, its documents as text and what each lost, its tensors. Judges nothing."""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from zhinao.files import atomic_folder, write_json
from zhinao.lang import tr
from zhinao.train.net.head import IGNORED

FOLDER = "bad_batch"


@dataclass(frozen=True)
class Document:
    """One document of a batch. place: where it stands in the data; loss: nats a token; both None where nobody knows."""

    number: int
    place: str | None
    num_tokens: int
    num_supervised: int
    loss: float | None
    text: str

    def __str__(self) -> str:
        name = self.place or tr(f"number {self.number} of the batch", f"批中第 {self.number} 个")
        return name if self.loss is None else tr(f"{name} (loss {self.loss:.3g})", f"{name}（损失 {self.loss:.3g}）")


def documents(
    batch: dict,
    tokenizer=None,
    losses: Callable[[dict], Sequence[float]] | None = None,
) -> list[Document]:
    """The documents of a batch, in order.

    batch: `input_ids` and `labels` `(B, T)`; where a row holds several documents, also `position_ids` `(B, T)`, which
    restart at 0; `attention_mask` `(B, T)` where there is padding; and `places`, where each document stands in the data,
    where that is known.
    """
    parts = list(spans(batch))
    where = batch.get("places") or [None] * len(parts)
    values = [float(value) for value in losses(batch)] if losses else [None] * len(parts)
    found = []
    for number, ((ids, labels), place, loss) in enumerate(zip(parts, where, values, strict=True), 1):
        text = tokenizer.decode(ids, skip_control=False) if tokenizer else ""
        num_supervised = sum(label != IGNORED for label in labels)
        found.append(Document(number, None if place is None else str(place), len(ids), num_supervised, loss, text))
    return found


def worst(found: Sequence[Document]) -> Document | None:
    """The one whose loss is no number, else the highest; None where no losses are known and there are several."""
    known = [document for document in found if document.loss is not None]
    if not known:
        return found[0] if len(found) == 1 else None
    return max(known, key=lambda document: document.loss if math.isfinite(document.loss) else math.inf)


def keep(folder: Path, batch: dict, found: Sequence[Document], numbers: dict) -> Path:
    """Write `numbers.json`, `documents.jsonl` and `tensors.pt` into `folder`, in place of an earlier batch. Of several
    processes each has a folder of its own (`bad_batch-rank1`)."""
    rank = int(os.environ.get("RANK", 0))
    folder = folder.with_name(f"{folder.name}-rank{rank}") if rank else folder
    tensors = {name: value.cpu() if isinstance(value, torch.Tensor) else value for name, value in batch.items()}
    with atomic_folder(folder) as work:
        write_json(work / "numbers.json", {name: _plain(value) for name, value in numbers.items()})
        lines = (json.dumps({k: _plain(v) for k, v in asdict(one).items()}, ensure_ascii=False) for one in found)
        (work / "documents.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        torch.save(tensors, work / "tensors.pt")
    return folder


def spans(batch: dict) -> Iterator[tuple[list[int], list[int]]]:
    """Ids and labels of each document of a batch, as `documents` says."""
    labels = batch["labels"] if batch.get("labels") is not None else batch["input_ids"]
    positions, mask = batch.get("position_ids"), batch.get("attention_mask")
    for row in range(len(batch["input_ids"])):
        ids, wanted = batch["input_ids"][row].tolist(), labels[row].tolist()
        real = mask[row].bool().tolist() if mask is not None else [True] * len(ids)
        at = positions[row].tolist() if positions is not None else range(len(ids))
        starts = [n for n, position in enumerate(at) if position == 0] or [0]
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            kept = [n for n in range(start, end) if real[n]]
            if kept:
                yield [ids[n] for n in kept], [wanted[n] for n in kept]


def _plain(value):
    """Numbers and tensors of one number as JSON has them; NaN and infinity as words."""
    if value is None or isinstance(value, str | int | list):
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)


def losses_by(model) -> Callable[[dict], list[float]]:
    """A function that gives the loss a token of each document of a batch, by the weights as they are: for the moment a run has
    failed; too slow for every step.

    model: unwrapped, and whole in this process (not under ZeRO-3 or FSDP, where one process alone cannot compute). A
    document without supervised tokens counts 0.
    """
    return lambda batch: [_loss(model, ids, labels) for ids, labels in spans(batch)]


def _loss(model, ids: list[int], labels: list[int]) -> float:
    if all(label == IGNORED for label in labels[1:]):
        return 0.0
    row = torch.tensor([ids, labels, range(len(ids))], device=model.device)
    with torch.no_grad():
        return float(model(input_ids=row[:1], labels=row[1:2], position_ids=row[2:]).loss)
