"""A test of every run before its first step: a document in a packed row must be what it is alone.

Restarted positions with a mask or a cache in the way let documents see each other without a word: losses are wrong, and
look right. Two questions, in the numbers that the run computes with: does a document's loss change when its neighbours
do (it must not, by a single bit), and is it the loss that transformers' own attention and logits give? Trains nothing.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch

from zhinao.data.encode.encoding import Encoded
from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.train.loop.trainer import Collator
from zhinao.train.net import attention

NUM_TOKENS = 64  # of each document; the test is paid for at every start
_NEIGHBOURS = 1e-5  # relative: only room for another order of summation
_ALONE = {torch.float32: 1e-3, torch.bfloat16: 3e-2, torch.float16: 1e-2}


def check_packing(model, documents: Sequence[Encoded], dtype: torch.dtype | None = None) -> None:
    """Compare a document packed between two others with itself alone. Raises ZhinaoError that says what differs.

    model: with attention by documents and the loss in its head, on the device it will run on, adapters or not.
    documents: a few of the run's own; fewer than three are repeated, and without any there is nothing to test.
    dtype: of autocast in this run, None for computing in the weights' own. Weights that are not whole in this process
    (ZeRO-3, FSDP) cannot be computed with before the first step: nothing is tested then.
    """
    if not documents or any(hasattr(parameter, "ds_id") or parameter.is_meta for parameter in model.parameters()):
        return
    before, middle, after = (documents[place % len(documents)] for place in range(3))
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, dtype) if dtype else nullcontext():
            packed = _loss(model, [before, middle, after], device)
            _check(packed, _loss(model, [_other(before, model), middle, _other(after, model)], device))
            _check_alone(packed, _loss_alone(model, middle, device), dtype or next(model.parameters()).dtype)
    finally:
        model.train(was_training)


def _check(loss: float, loss_with_others: float) -> None:
    change = _difference(loss, loss_with_others)
    if not change <= _NEIGHBOURS:
        raise ZhinaoError(
            tr(
                f"Self-test: packed documents see each other (a document's loss changes by {change:.2%} with its neighbours).",
                f"自检：打包的文档互相可见（相邻文档改变时，某文档的损失变化了 {change:.2%}）。",
            ),
            _hint(),
        )


def _check_alone(loss: float, alone: float, dtype: torch.dtype) -> None:
    change = _difference(loss, alone)
    if not change <= _ALONE.get(dtype, max(_ALONE.values())):
        raise ZhinaoError(
            tr(
                f"Self-test: a packed document's loss is {loss:.4f}, alone it is {alone:.4f} ({change:.2%} apart).",
                f"自检：某文档打包时的损失为 {loss:.4f}，单独计算为 {alone:.4f}（相差 {change:.2%}）。",
            ),
            _hint(),
        )


def _hint() -> str:
    return tr(
        "training would be wrong: compare the versions of torch and transformers that `zhinao doctor` shows with the README's",
        "这样训练会出错：请将 `zhinao doctor` 显示的 torch 和 transformers 版本与 README 对照",
    )


def _difference(loss: float, other: float) -> float:
    return abs(loss - other) / max(abs(other), 1e-8)


def _loss(model, documents: Sequence[Encoded], device) -> float:
    """A token's mean loss in the middle one of three documents in a row."""
    row = [_cut(document, is_learned=place == 1) for place, document in enumerate(documents)]
    batch = Collator()([row])
    return model(**{name: _on(value, device) for name, value in batch.items() if name != "places"}).loss.item()


def _loss_alone(model, document: Encoded, device) -> float:
    """The same by transformers' own attention, and from logits."""
    ids = torch.from_numpy(_cut(document, True).ids.astype(np.int64)).to(device)
    with attention.plain(model):
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits.float(), ids[1:]).item()


def _cut(document: Encoded, is_learned: bool) -> Encoded:
    """Its first tokens; a document of one token, which predicts nothing, twice."""
    ids = document.ids if len(document.ids) > 1 else np.repeat(document.ids, 2)
    ids = ids[:NUM_TOKENS]
    weights = np.full(len(ids), is_learned, np.float32)
    weights[0] = 0
    return Encoded(ids, weights, document.place)


def _other(document: Encoded, model) -> Encoded:
    """Another document of the same length."""
    num_ids = model.get_input_embeddings().num_embeddings
    return Encoded((document.ids + 1) % num_ids, document.weights, document.place)


def _on(value, device):
    return value.to(device) if torch.is_tensor(value) else value
