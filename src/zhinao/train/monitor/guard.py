"""Stops a run whose loss is no number any more or has run away, before the optimizer uses it, and keeps the batch.

Knows no trainer: it is shown each batch's loss, and raises. Saves no weights and touches none.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao.train.monitor import bad_batch
from zhinao.train.monitor.bad_batch import Document
from zhinao.train.monitor.divergence import Losses

MAX_OVERFLOWS = 20  # of a float16 run's gradients in a row; the scaler halves its factor at each


class LossError(ZhinaoError):
    """The loss or the gradient of a run is no number, or has run away. The weights on disk are those from before."""

    exit_code = 11


class LossGuard:
    """A loss that is NaN or infinite stops at once, as does such a gradient norm (with float16 twenty in a row, since the loss
    scaler finds its factor that way). Losses that have come apart, by the rule in `divergence.py`, stop where `stops_on_spike`.
    """

    def __init__(
        self,
        output_dir: str | Path,
        tokenizer=None,
        *,
        document_losses: Callable[[dict], Sequence[float]] | None = None,
        is_fp16: bool = False,
        stops_on_spike: bool = True,
    ):
        """tokenizer: the family's, to keep the batch as text. document_losses: a batch -> each document's loss a token
        (`bad_batch.losses_by`); without it no document is named the worst."""
        self._folder, self._tokenizer = Path(output_dir) / bad_batch.FOLDER, tokenizer
        self._document_losses, self._is_fp16 = document_losses, is_fp16
        self._losses, self._stops_on_spike = Losses(), stops_on_spike
        self._suspect: tuple[int, float, dict | None] | None = None  # step, loss, batch that was too high first
        self._last_batch: dict | None = None
        self._num_overflows = 0
        self._is_spike = False  # what stops it now: losses that have come apart, and are numbers

    @classmethod
    def of(cls, settings, tokenizer, document_losses: Callable[[dict], Sequence[float]] | None = None) -> "LossGuard":
        """As a run's settings say."""
        return cls(
            settings.output_dir,
            tokenizer,
            document_losses=document_losses,
            is_fp16=settings.fp16,
            stops_on_spike=settings.stop_on_spike,
        )

    @property
    def is_suspicious(self) -> bool:
        """Whether one of the last losses was too high: weights saved now may be those of a run that is coming apart."""
        return self._losses.is_suspicious

    def state(self) -> dict:
        """What is usual so far, for a checkpoint."""
        return self._losses.state()

    def restore(self, state: dict) -> None:
        self._losses.restore(state)

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
                _sentence(step, tr("another process met a bad loss", "另一个进程遇到异常损失")), self._advice(None)
            )
        at, value, kept = self._suspect or (step, loss, self._last_batch)
        folder, document = self._keep(at, value, grad_norm, kept)
        raise LossError(_sentence(step, reason, document), self._advice(folder))

    def _wrong_loss(self, step: int, loss, batch: dict | None) -> str | None:
        if loss is None:
            return None
        value, bound = float(loss), self._losses.bound()
        self._is_spike = False
        if not math.isfinite(value):
            self._suspect = None
            return tr(f"the loss is {value}", f"损失为 {value}")
        reason = self._losses.add(value)
        if value > bound:
            self._suspect = self._suspect or (step, value, batch)
        elif not self.is_suspicious:
            self._suspect = None
        if reason is None or not self._stops_on_spike:
            return None
        self._is_spike = True
        at, first, _ = self._suspect or (step, value, None)
        began = (f"{first:.3g} at step {at}, then ", f"在第 {at} 步为 {first:.3g}，随后") if at != step else ("", "")
        return tr(
            f"the loss is {began[0]}{reason.level:.3g}, where {reason.usual:.3g} was usual (limit {reason.limit:.3g})",
            f"损失{began[1]}为 {reason.level:.3g}，而此前通常为 {reason.usual:.3g}（上限 {reason.limit:.3g}）",
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
            "limit": self._losses.bound(),
            **self._losses.state(),
        }
        return bad_batch.keep(self._folder, batch, found, numbers), bad_batch.worst(found)

    def _advice(self, folder: Path | None) -> str:
        """What to try. The same run again would come to the same step."""
        advice = [tr(f"the batch is in {folder}", f"该批数据保存在 {folder}")] if folder else []
        advice.append(tr("a broken document: take it out", "若文档有问题请去掉它"))
        advice.append(
            tr(
                "otherwise start anew, in another --output_dir, with a lower --learning_rate or more --warmup_steps",
                "否则换一个 --output_dir 重新开始，降低 --learning_rate 或增加 --warmup_steps",
            )
            + (tr(", and --bf16 instead of --fp16", "，并用 --bf16 代替 --fp16") if self._is_fp16 else "")
        )
        if self._is_spike:
            advice.append(
                tr("if such losses are right: --stop_on_spike False", "若这样的损失是正常的：--stop_on_spike False")
            )
        return tr("; ", "；").join(advice)


def _sentence(step: int, reason: str, document: Document | None = None) -> str:
    where = tr(f" Worst document: {document}.", f"损失最高的文档：{document}。") if document else ""
    return tr(f"Stopped at step {step}: {reason}.{where}", f"在第 {step} 步停止：{reason}。{where}")


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
