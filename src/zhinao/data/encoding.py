"""A sample as token ids and loss weights. Cuts nothing; what is too long is `overlong.py`'s business."""

from dataclasses import dataclass

import numpy as np

from zhinao.data.sample import Place


@dataclass(frozen=True, slots=True)
class Encoded:
    """One document for the trainer.

    ids: `(T,)` int32. weights: `(T,)` float32, what the loss of predicting `ids[t]` counts; 0 where nothing is learned
    (always at t = 0). turns: for conversations, the first position after each message of the assistant (after its end
    token), where a document may be split.
    """

    ids: np.ndarray
    weights: np.ndarray
    place: Place
    turns: tuple[int, ...] = ()

    @property
    def num_supervised(self) -> int:
        return int(np.count_nonzero(self.weights))
