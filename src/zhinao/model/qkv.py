"""The fused query/key/value layout. No other file knows it.

On disk a Zhinao layer holds one `self_attn.qkv_proj` (weight and bias). Its rows are grouped by key/value head:
seen as `(K, g + 2, head_dim)`, each group holds its `g` query blocks, then its key, then its value
(`K` key/value heads, `g` query heads per key/value head). Everywhere else q, k and v are three plain projections.

The functions take numpy arrays and torch tensors alike: they only reshape, slice and join. The number of groups is
inferred from the rows, never passed in, so that a shard of a tensor-parallel model splits rightly too.
"""

from typing import Any

FUSED = "self_attn.qkv_proj"
SPLIT = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")


def split(fused, num_queries_per_kv: int, head_dim: int):
    """q, k, v rows out of fused rows.

    fused: `(K * (g + 2) * head_dim, ...)`, `num_queries_per_kv` is `g`.
    Returns `(K * g * head_dim, ...)`, `(K * head_dim, ...)`, `(K * head_dim, ...)`.
    """
    return tuple(cut(fused, part, num_queries_per_kv, head_dim) for part in range(3))


def cut(fused, part: int, num_queries_per_kv: int, head_dim: int):
    """One of the three that `split` gives: `part` 0 is q, 1 is k, 2 is v. The other rows are not touched."""
    g, rest = num_queries_per_kv, tuple(fused.shape[1:])
    groups = fused.reshape((-1, g + 2, head_dim, *rest))
    return groups[:, (slice(g), g, g + 1)[part]].reshape((-1, *rest))


def fuse(q, k, v, num_queries_per_kv: int, head_dim: int) -> Any:
    """The way back of `split`: fused rows `(K * (g + 2) * head_dim, ...)`, in the type that came in."""
    g, rest = num_queries_per_kv, tuple(q.shape[1:])
    parts = (
        q.reshape((-1, g, head_dim, *rest)),
        k.reshape((-1, 1, head_dim, *rest)),
        v.reshape((-1, 1, head_dim, *rest)),
    )
    if hasattr(q, "numpy"):  # torch, without importing it
        import torch

        joined = torch.cat(parts, dim=1)
    else:
        import numpy as np

        joined = np.concatenate(parts, axis=1)
    return joined.reshape((-1, *rest))


def split_names(fused_name: str) -> tuple[str, str, str]:
    """`…self_attn.qkv_proj.bias` -> the three names that stand for it in the split layout."""
    q, k, v = (fused_name.replace(FUSED + ".", part + ".") for part in SPLIT)
    return q, k, v


def fused_name(split_name: str) -> str | None:
    """`…self_attn.k_proj.weight` -> `…self_attn.qkv_proj.weight`; None for a name that is no q, k or v."""
    for part in SPLIT:
        if f".{part}." in split_name:
            return split_name.replace(part + ".", FUSED + ".")
    return None
