"""Stops a run whose loss is no number any more or has run away, before the optimizer uses it, and keeps the batch.

Knows no trainer: it is shown each batch's loss, and raises. Saves no weights and touches none.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.train.monitor import bad_batch
from zhinao.train.monitor.bad_batch import Document

NUM_FIRST = 20  # losses before which only NaN and infinity stop
WINDOW = 64  # losses that make what is usual
RECENT, TOO_MANY = 5, 3  # of the last five losses, three far too high stop
MAX_OVERFLOWS = 20  # of a float16 run's gradients in a row; the scaler halves its factor at each


class LossError(ZhinaoError):
    """The loss or the gradient of a run is no number, or has run away. The weights on disk are those from before."""

    exit_code = 11


class LossGuard:
    """The rule. A loss that is NaN or infinite stops at once, as does such a gradient norm (with float16 twenty in a row,
    since the loss scaler finds its factor that way). A loss is too high when it is above

        median + max(10 · spread, 2 · median, 3)

    of the last 64 that were not, where spread is 1.4826 times the median distance to the median (the standard deviation, were
    they normal) and losses are nats a token. One such batch may be a strange document; three of five are a run that has
    come apart. The first twenty losses only make the median.
    """

    def __init__(
        self,
        output_dir: str | Path,
        tokenizer=None,
        *,
        document_losses: Callable[[dict], Sequence[float]] | None = None,
        is_fp16: bool = False,
    ):
        """tokenizer: the family's, to keep the batch as text. document_losses: a batch -> each document's loss a token
        (`document_losses.by_model`); without it no document is named the worst."""
        self._folder, self._tokenizer = Path(output_dir) / bad_batch.FOLDER, tokenizer
        self._document_losses, self._is_fp16 = document_losses, is_fp16
        self._usual: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._suspect: tuple[int, float, dict | None] | None = None  # step, loss, batch that was too high first
        self._last_batch: dict | None = None
        self._num_overflows = 0

    @property
    def is_suspicious(self) -> bool:
        """Whether one of the last losses was too high: weights saved now may be those of a run that is coming apart."""
        return any(self._recent)

    def check(self, step: int, loss=None, grad_norm=None, batch: dict | None = None) -> None:
        """Call it with each batch's loss (a token; number or tensor), and with the gradient norm, before the optimizer's step.
        batch: see `bad_batch.documents`.

        All processes must call it alike: what one of them finds stops them all. Raises LossError.
        """
        if loss is not None:
            self._last_batch = batch
        reason = self._wrong_loss(step, loss, batch) or self._wrong_gradient(grad_norm)
        if not _anywhere(reason is not None, loss if grad_norm is None else grad_norm):
            return
        if reason is None:
            raise LossError(
                _sentence(step, tr("another process met a bad loss", "另一个进程遇到异常损失")), _advice(None)
            )
        at, value, kept = self._suspect or (step, loss, self._last_batch)
        folder, document = self._keep(at, value, grad_norm, kept)
        raise LossError(_sentence(at, reason, document), _advice(folder))

    def limit(self) -> float:
        """Above which a loss is too high now; infinite during the first ones."""
        if len(self._usual) < NUM_FIRST:
            return math.inf
        middle = median(self._usual)
        spread = 1.4826 * median(abs(value - middle) for value in self._usual)
        return middle + max(10 * spread, 2 * middle, 3.0)

    def _wrong_loss(self, step: int, loss, batch: dict | None) -> str | None:
        if loss is None:
            return None
        value, limit = float(loss), self.limit()
        if not math.isfinite(value):
            self._suspect = None
            return tr(f"the loss is {value}", f"损失为 {value}")
        is_high = value > limit
        self._recent.append(is_high)
        if not is_high:
            self._usual.append(value)
        if not any(self._recent):
            self._suspect = None
        elif is_high and self._suspect is None:
            self._suspect = (step, value, batch)
        if sum(self._recent) < TOO_MANY:
            return None
        usual = median(self._usual)
        return tr(
            f"the loss is {self._suspect[1]:.3g}, then {value:.3g}, where {usual:.3g} was usual (limit {limit:.3g})",
            f"损失为 {self._suspect[1]:.3g}，随后 {value:.3g}，而此前通常为 {usual:.3g}（上限 {limit:.3g}）",
        )

    def _wrong_gradient(self, grad_norm) -> str | None:
        if grad_norm is None:
            return None
        value = float(grad_norm)
        self._num_overflows = 0 if math.isfinite(value) else self._num_overflows + 1
        if self._num_overflows <= (MAX_OVERFLOWS if self._is_fp16 else 0):
            return None
        self._suspect = None
        return tr(f"the gradient norm is {value}", f"梯度范数为 {value}")

    def _keep(self, step: int, loss, grad_norm, batch: dict | None) -> tuple[Path | None, Document | None]:
        """Write the batch; where it is, and the document that most likely did it, where that can be said."""
        if batch is None:
            return None, None
        found = bad_batch.documents(batch, self._tokenizer, self._document_losses)
        numbers = {
            "step": step,
            "loss": loss,
            "grad_norm": grad_norm,
            "limit": self.limit(),
            "usual": list(self._usual),
        }
        return bad_batch.keep(self._folder, batch, found, numbers), bad_batch.worst(found)


def _sentence(step: int, reason: str, document: Document | None = None) -> str:
    where = tr(f" Worst document: {document}.", f"损失最高的文档：{document}。") if document else ""
    return tr(f"Stopped at step {step}: {reason}.{where}", f"在第 {step} 步停止：{reason}。{where}")


def _advice(folder: Path | None) -> str:
    """What to try."""
    kept = tr(f"the batch is in {folder}; ", f"该批数据保存在 {folder}；") if folder else ""
    return kept + tr(
        "a broken document: take it out. Otherwise go on from the last checkpoint (--resume auto) with a lower "
        "--learning_rate or more --warmup_steps, and bf16 instead of fp16",
        "若文档有问题请去掉它；否则从最近的检查点继续（--resume auto），降低 --learning_rate 或增加 --warmup_steps，"
        "并用 bf16 代替 fp16",
    )


def _anywhere(value: bool, like) -> bool:
    """Whether it is true on any process of the group, if there is one. `like`: a number, or a tensor on the right device."""
    import torch

    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return value
    device = "cpu"
    if "nccl" in distributed.get_backend():
        device = like.device if isinstance(like, torch.Tensor) and like.is_cuda else torch.cuda.current_device()
    flag = torch.tensor([int(value)], device=device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag.item())
