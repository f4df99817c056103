"""Zhinao in vLLM: its Qwen2, with the fused rows taken apart while they are loaded. Imported by vLLM alone, by name.

Attention, tensor and pipeline parallelism, LoRA and quantisation while loading are vLLM's own. How the fused rows lie
is known to `qkv.py` alone.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from vllm.model_executor.models.qwen2 import Qwen2ForCausalLM

from zhinao.engine.vllm import check_head_dim
from zhinao.model import architecture, qkv
from zhinao.serve.vllm.names import Names


class ZhinaoForCausalLM(Qwen2ForCausalLM):
    """Takes checkpoints in the fused layout and in the split one. Raises CheckpointError for tensors that do not belong."""

    def __init__(self, *, vllm_config, prefix: str = ""):
        config = vllm_config.model_config.hf_config.get_text_config()
        folder = Path(vllm_config.model_config.model)
        arch = architecture.from_config(config.to_dict(), folder / "config.json")
        check_head_dim(arch, folder)
        # Dummy weights are replaced piece by piece later (reinforcement learning), so that nothing ever comes whole.
        is_whole = vllm_config.load_config.load_format != "dummy"
        self._names = Names(arch, folder, is_whole)
        self._groups = arch.num_queries_per_kv, arch.head_dim
        super().__init__(vllm_config=vllm_config, prefix=prefix)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """The first call must bring every tensor; later ones (weights renewed while running) may bring some."""
        loaded = super().load_weights(self._split(weights))
        self._names.check_complete()
        return loaded

    def _split(self, weights: Iterable[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
        for name, tensor in weights:
            if not self._names.is_wanted(name):
                continue
            if f".{qkv.FUSED}." in name:
                yield from zip(qkv.split_names(name), qkv.split(tensor, *self._groups), strict=True)
            else:
                yield name, tensor
