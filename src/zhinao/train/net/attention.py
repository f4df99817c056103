"""Attention within documents: rows hold several of them, and none sees another. No mask of T × T is ever made.

Registered with transformers under the name `DOCUMENTS`. On a CPU, and where PyTorch has no FlashAttention for the dtype,
one causal call for each document; on a GPU one call of the variable-length kernel for all. Where a document ends is read
from `cu_seq_lens_q`, else from positions that restart. With a cache that holds something, or with a mask that hides
padding (generation), it is transformers' ordinary SDPA. Knows no sliding windows.
"""

import contextlib
import inspect
import itertools

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

try:
    from torch.nn.attention.varlen import varlen_attn

    _HAS_VARLEN = {"window_size", "enable_gqa"} <= set(inspect.signature(varlen_attn).parameters)
except ImportError:  # before torch 2.10
    _HAS_VARLEN = False

DOCUMENTS = "zhinao_documents"


def use(model) -> None:
    """Let `model` attend within documents. (Sliding windows are refused where a checkpoint is read: `architecture.py`.)"""
    model.set_attn_implementation(DOCUMENTS)


@contextlib.contextmanager
def plain(model, name: str = "sdpa"):
    """Inside the block `model` attends as transformers' own `name` does."""
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield model
    finally:
        model.set_attn_implementation(before)


def borders(num_tokens: int, position_ids=None, cu_seq_lens=None) -> list[int]:
    """Where the documents of a row begin, and its end: `[0, …, T]`.

    position_ids: `(T,)`, a document begins where they do not go on by one. cu_seq_lens: `(D + 1,)`, taken where given.
    """
    if cu_seq_lens is not None:
        return cu_seq_lens.tolist()
    if position_ids is None:
        return [0, num_tokens]
    begins = (position_ids[1:] - position_ids[:-1] != 1).nonzero().squeeze(1) + 1
    return [0, *begins.tolist(), num_tokens]


def _documents_mask(batch_size, q_length, kv_length, q_offset=0, attention_mask=None, **kwargs):
    """None where documents say it all; SDPA's own mask for a cache that holds something and for padding."""
    is_first = q_offset == 0 and q_length == kv_length
    if is_first and (attention_mask is None or bool(attention_mask.all())):
        return None
    return sdpa_mask(
        batch_size=batch_size,
        q_length=q_length,
        kv_length=kv_length,
        q_offset=q_offset,
        attention_mask=attention_mask,
        **kwargs,
    )


def _attend(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """query: `(B, heads, T, D)`, key and value: `(B, kv heads, T, D)`. Returns `(B, T, heads, D)`, and no weights."""
    if attention_mask is not None or query.shape[2] != key.shape[2]:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
    if _has_kernel(query, dropout):
        return _by_kernel(query, key, value, scaling, **kwargs), None
    position_ids, cu_seq_lens = kwargs.get("position_ids"), kwargs.get("cu_seq_lens_q")
    rows = []
    for row in range(len(query)):
        positions = None if position_ids is None else position_ids[min(row, len(position_ids) - 1)]
        ends = borders(query.shape[2], positions, cu_seq_lens if len(query) == 1 else None)
        rows.append(_by_loop(query[row], key[row], value[row], ends, dropout, scaling))
    return torch.stack(rows), None


def _by_loop(query, key, value, ends: list[int], dropout: float, scaling: float | None):
    """One row, `(heads, T, D)`, document by document. Returns `(T, heads, D)`."""
    lengths = [end - begin for begin, end in itertools.pairwise(ends)]
    parts = [
        torch.nn.functional.scaled_dot_product_attention(
            q[None], k[None], v[None], dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=len(q) != len(k)
        )[0]
        for q, k, v in zip(*(tensor.split(lengths, dim=1) for tensor in (query, key, value)), strict=True)
    ]
    return torch.cat(parts, dim=1).transpose(0, 1)


def _has_kernel(query, dropout: float) -> bool:
    is_half = query.dtype in (torch.bfloat16, torch.float16)
    return _HAS_VARLEN and query.is_cuda and is_half and len(query) == 1 and not dropout


def _by_kernel(query, key, value, scaling, position_ids=None, cu_seq_lens_q=None, max_length_q=None, **_):
    """One row on a GPU, all documents in one call. Returns `(1, T, heads, D)`."""
    if cu_seq_lens_q is None or max_length_q is None:
        ends = torch.tensor(borders(query.shape[2], None if position_ids is None else position_ids[0], cu_seq_lens_q))
        cu_seq_lens_q, max_length_q = ends.to(query.device, torch.int32), int(ends.diff().max())
    query, key, value = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    return varlen_attn(
        query,
        key,
        value,
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=scaling,
        window_size=(-1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )[None]


AttentionInterface.register(DOCUMENTS, _attend)
AttentionMaskInterface.register(DOCUMENTS, _documents_mask)
