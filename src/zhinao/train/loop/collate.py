"""Documents as the one row a step reads: end to end, positions restarting, no padding anywhere."""

from collections.abc import Sequence

import numpy as np
import torch

from zhinao.data.encode.encoding import Encoded

IGNORED = -100  # the label of what is not learned, as everywhere in PyTorch


class Packs(torch.utils.data.Dataset):
    """Lists of documents out of a cache. `[i]`: the documents of row i; from `num_rows` on rows are empty.

    Empty rows fill up the last batch, so that every process has as many batches as the others and nobody sees a document twice.
    """

    def __init__(self, documents: Sequence[Encoded], rows: Sequence[Sequence[int]], multiple: int = 1):
        self.documents, self.rows, self.num_rows = documents, rows, len(rows)
        self.num_filled = -(-len(rows) // multiple) * multiple

    def __len__(self) -> int:
        return self.num_filled

    def __getitem__(self, place: int) -> list[Encoded]:
        if not 0 <= place < self.num_filled:
            raise IndexError(place)
        return [self.documents[index] for index in self.rows[place]] if place < self.num_rows else []


class Collator:
    """Rows of documents -> tensors of one row. `filler_id` stands in a row that has no document at all."""

    def __init__(self, filler_id: int = 0):
        self.filler = Encoded(np.full(1, filler_id, np.int32), np.zeros(1, np.float32), None)

    def __call__(self, rows: list[list[Encoded]]) -> dict:
        """`input_ids`, `position_ids`, `labels`, `loss_weights`: `(1, T)`; `cu_seq_lens_q`, `_k`: `(D + 1,)` int32, where
        documents begin; `max_length_q`, `_k`: the longest. `places`: where each document stands in the data, for people."""
        documents = [document for row in rows for document in row] or [self.filler]
        lengths = [len(document.ids) for document in documents]
        ids = torch.from_numpy(np.concatenate([document.ids for document in documents]).astype(np.int64))
        weights = torch.from_numpy(np.concatenate([document.weights for document in documents]).astype(np.float32))
        borders = torch.tensor(np.concatenate([[0], np.cumsum(lengths)]), dtype=torch.int32)
        return {
            "input_ids": ids[None],
            "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
            "labels": ids.masked_fill(weights == 0, IGNORED)[None],
            "loss_weights": weights[None],
            "cu_seq_lens_q": borders,
            "cu_seq_lens_k": borders,
            "max_length_q": max(lengths),
            "max_length_k": max(lengths),
            "places": [document.place for document in documents],
        }
