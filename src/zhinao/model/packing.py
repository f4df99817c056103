"""Rows that hold several documents, told apart by positions that restart. Builds no mask itself.

transformers keeps such documents apart only where it gets neither a mask nor a cache; with either it lets them attend
to each other without a word. These helpers recognise such rows, so that the model can take mask and cache away.
"""

from zhinao.errors import UsageError
from zhinao.lang import tr


def is_packed(position_ids, attention_mask) -> bool:
    """Whether positions restart between two neighbours that both are real tokens.

    position_ids: `(B, T)` or None. attention_mask: `(B, T)` of ones and zeros (padding), or None; a mask of another
    shape (prepared 4-D masks, dictionaries) is taken to say all there is to say.
    """
    if position_ids is None or position_ids.ndim != 2 or position_ids.shape[1] < 2:
        return False
    breaks = position_ids[:, 1:] - position_ids[:, :-1] != 1
    if attention_mask is not None:
        if getattr(attention_mask, "shape", None) is None or attention_mask.shape[-1:] != position_ids.shape[-1:]:
            return False
        if attention_mask.ndim != 2:
            return False
        real = attention_mask.bool()
        breaks = breaks & real[:, 1:] & real[:, :-1]
    return bool(breaks.any())


def separate_padding(position_ids, attention_mask):
    """Positions in which every padding token is a document of its own, so that no mask is needed to hide it."""
    return position_ids if attention_mask is None else position_ids.masked_fill(~attention_mask.bool(), 0)


def check(attention: str, position_ids) -> None:
    """FlashAttention reads restarting positions in a single row only. Raises UsageError."""
    if "flash" in attention and position_ids.shape[0] > 1:
        raise UsageError(
            tr(
                "Packed documents in several rows at once cannot go through FlashAttention.",
                "FlashAttention 不支持一次处理多行打包的文档。",
            ),
            tr(
                "join the rows into one, or load the model with attn_implementation='sdpa'",
                "请把各行连成一行，或用 attn_implementation='sdpa' 加载模型",
            ),
        )
