"""A GGUF file of a Llama or Qwen2 model, read with the `gguf` package: metadata as plain values, tensors one at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model.checkpoint import NUMPY_TYPES, to_bf16
from zhinao.model.gguf import header

ARCHITECTURES = ("llama", "qwen2")


def _is_text(value) -> bool:
    return isinstance(value, str)


def _are_texts(value) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_id(value) -> bool:
    return type(value) is int and value >= 0


_WORDS = {
    "general.architecture": _is_text,
    "split.count": _is_id,
    "tokenizer.chat_template": _is_text,
    "tokenizer.ggml.model": _is_text,
    "tokenizer.ggml.pre": _is_text,
    "tokenizer.ggml.tokens": _are_texts,
    "tokenizer.ggml.merges": _are_texts,
    "tokenizer.ggml.token_type": lambda value: isinstance(value, list) and all(type(item) is int for item in value),
}
_BLOCK_VALUES = 2**22  # values widened to float32 at a time


class GgufFile:
    """An opened GGUF file: `metadata` as plain Python values, `tensors` by name. Raises CheckpointError."""

    def __init__(self, file: Path):
        from gguf import GGUFReader

        self.file = file
        try:
            header.check(file)
            reader = GGUFReader(file)
            self.metadata = {name: field.contents() for name, field in reader.fields.items()}
        except (ValueError, LookupError, ArithmeticError, MemoryError, TypeError, OSError) as error:
            raise CheckpointError(
                tr(f"{file}: not a whole GGUF file ({error}).", f"{file}：不是完整的 GGUF 文件（{error}）。")
            ) from None
        self._check_kinds()
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.family = self.metadata.get("general.architecture")
        if self.family not in ARCHITECTURES:
            self.refuse(
                tr(
                    f"its architecture {self.family!r} is not one of {', '.join(ARCHITECTURES)}",
                    f"其架构 {self.family!r} 不在支持之列（{'、'.join(ARCHITECTURES)}）",
                )
            )
        if self.metadata.get("split.count", 1) > 1:
            self.refuse(
                tr(
                    "it is one part of several; join them first (`llama-gguf-split --merge`)",
                    "它只是多个分片之一，请先合并（`llama-gguf-split --merge`）",
                )
            )

    def _check_kinds(self) -> None:
        """Words are words and numbers are numbers wherever a key says so by its name."""
        for key, value in self.metadata.items():
            kind = _WORDS.get(key) or (_is_id if key.endswith("_token_id") else None)
            if kind and not kind(value):
                self.refuse(tr(f"{key} is {foreign.shown(value)}", f"{key} 为 {foreign.shown(value)}"))

    def get(self, key: str, default=None):
        """A value of this architecture, for instance `block_count`; refuses the file where it is needed and absent."""
        value = self.metadata.get(f"{self.family}.{key}", default)
        if value is None:
            self.refuse(tr(f"it does not say {self.family}.{key}", f"缺少 {self.family}.{key}"))
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """The same for a positive whole number."""
        value = self.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            self.refuse(
                tr(f"{self.family}.{key} is {foreign.shown(value)}", f"{self.family}.{key} 为 {foreign.shown(value)}")
            )
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The same for a positive number."""
        value = self.get(key, default)
        if not isinstance(value, int | float) or not 0 < value < float("inf"):
            self.refuse(
                tr(f"{self.family}.{key} is {foreign.shown(value)}", f"{self.family}.{key} 为 {foreign.shown(value)}")
            )
        return float(value)

    def refuse(self, why: str):
        raise CheckpointError(tr(f"{self.file}: cannot be rewritten: {why}.", f"{self.file}：无法转换：{why}。"))

    def read(self, name: str, dtype: str) -> np.ndarray:
        """A tensor as `dtype` (safetensors' name; bf16 as uint16), widened from whatever it is stored as."""
        tensor = self.tensors[name]
        out = np.empty(tuple(int(n) for n in reversed(tensor.shape)), NUMPY_TYPES[dtype])
        start = 0
        for block in self._blocks(tensor):
            out[start : start + len(block)] = to_bf16(block) if dtype == "BF16" else block
            start += len(block)
        return out

    def _blocks(self, tensor) -> Iterator[np.ndarray]:
        """The tensor as float32, some rows at a time."""
        from gguf.quants import dequantize

        row = int(tensor.shape[0]) if len(tensor.shape) > 1 else 1
        step = max(1, _BLOCK_VALUES // row)
        for start in range(0, len(tensor.data), step):
            try:
                yield dequantize(tensor.data[start : start + step], tensor.tensor_type)
            except NotImplementedError:
                kind = tensor.tensor_type.name
                self.refuse(
                    tr(f"the type {kind} of {tensor.name} cannot be widened", f"无法还原 {tensor.name} 的类型 {kind}")
                )
