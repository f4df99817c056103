"""Rotary frequencies of a checkpoint, in numpy: plain, linear, llama3 and yarn scaling.

`dynamic` scaling changes the frequencies with the length of the prompt, which a static graph with a cache cannot do;
inside the original context it changes nothing, so the plain ones are given and `num_positions` ends there.
Sources: the papers of YaRN (arXiv 2309.00071, section 3) and the Llama 3.1 model card's reference code.
"""

import math
from pathlib import Path

import numpy as np

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model.architecture import Architecture


def num_positions(arch: Architecture) -> int:
    """How many positions the frequencies are good for: the context, or the length before scaling under `dynamic`."""
    is_dynamic = (arch.rope_scaling or {}).get("rope_type") == "dynamic"
    return arch.max_position_embeddings if is_dynamic else arch.num_context_tokens


def inverse_frequencies(arch: Architecture, file: Path) -> tuple[np.ndarray, float]:
    """float32 `(head_dim / 2,)` and the factor on cos and sin. Raises CheckpointError naming a missing or bad key."""
    frequencies = arch.rope_theta ** -(np.arange(0, arch.head_dim, 2, dtype=np.float32) / arch.head_dim)
    kind = (arch.rope_scaling or {}).get("rope_type")
    if kind in (None, "dynamic"):
        return frequencies.astype(np.float32), 1.0
    scaling = _Scaling(arch.rope_scaling or {}, file)
    if kind == "linear":
        return (frequencies / scaling.number("factor")).astype(np.float32), 1.0
    if kind == "llama3":
        return _llama3(frequencies, scaling).astype(np.float32), 1.0
    return _yarn(frequencies, scaling, arch)


def _llama3(frequencies: np.ndarray, scaling: "_Scaling") -> np.ndarray:
    """Long waves are stretched by `factor`, short ones kept, those between mixed."""
    factor, low, high = (scaling.number(key) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    original = scaling.number("original_max_position_embeddings")
    num_turns = original * frequencies / (2 * math.pi)
    kept = np.clip((num_turns - low) / (high - low), 0, 1)
    return kept * frequencies + (1 - kept) * frequencies / factor


def _yarn(frequencies: np.ndarray, scaling: "_Scaling", arch: Architecture) -> tuple[np.ndarray, float]:
    original = scaling.number("original_max_position_embeddings")
    factor = scaling.number("factor", arch.num_context_tokens / original)

    def dimension(num_turns: float) -> float:
        """The (fractional) frequency index that turns that often within the original context."""
        return arch.head_dim * math.log(original / (num_turns * 2 * math.pi)) / (2 * math.log(arch.rope_theta))

    first, last = dimension(scaling.number("beta_fast", 32)), dimension(scaling.number("beta_slow", 1))
    if (arch.rope_scaling or {}).get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, arch.head_dim - 1)
    stretched = np.clip((np.arange(len(frequencies)) - first) / max(last - first, 0.001), 0, 1)
    mixed = stretched * frequencies / factor + (1 - stretched) * frequencies
    return mixed.astype(np.float32), _yarn_attention_factor(scaling, factor)


def _yarn_attention_factor(scaling: "_Scaling", factor: float) -> float:
    def magnitude(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1

    if scaling.values.get("attention_factor") is not None:
        return scaling.number("attention_factor")
    if scaling.values.get("mscale") and scaling.values.get("mscale_all_dim"):
        return magnitude(scaling.number("mscale")) / magnitude(scaling.number("mscale_all_dim"))
    return magnitude(1)


class _Scaling:
    def __init__(self, values: dict, file: Path):
        self.values, self.file = values, file

    def number(self, key: str, default: float | None = None) -> float:
        value = self.values.get(key)
        value = default if value is None else value
        if not isinstance(value, int | float) or value <= 0:
            raise CheckpointError(
                tr(
                    f"{self.file}: rope_scaling.{key} is {value!r}; expected a positive number.",
                    f"{self.file}：rope_scaling.{key} 为 {value!r}，应为正数。",
                )
            )
        return float(value)
