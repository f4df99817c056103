"""Reading and writing safetensors checkpoints with numpy alone, one tensor at a time.

bf16 has no numpy type: such tensors travel as `uint16` bit patterns, which is all that copying, splitting and hashing
need. `to_float32` widens them. Pickle files are refused. File format: safetensors, "8-byte header length, JSON, data".
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.files import write_json
from zhinao.lang import tr
from zhinao.model import architecture, qkv
from zhinao.oserrors import cannot_read

FLOATS = ("F64", "F32", "F16", "BF16")
NUMPY_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "u1",
    "I8": "i1",
}
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
_RECOMPUTED = ("rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_MAX_HEADER_BYTES, _MAX_DIMENSIONS = 100_000_000, 8  # the first is the format's own limit


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: `dtype` in safetensors' names, `offset` and `num_bytes` within `file`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    num_bytes: int

    def read(self) -> np.ndarray:
        """A private copy in memory (bf16 as uint16)."""
        count = math.prod(self.shape)
        return np.fromfile(self.file, NUMPY_TYPES[self.dtype], count, offset=self.offset).reshape(self.shape)

    def map(self) -> np.ndarray:
        """A read-only view of the file (bf16 as uint16)."""
        return np.memmap(self.file, NUMPY_TYPES[self.dtype], "r", self.offset, self.shape)


def to_float32(array: np.ndarray, dtype: str) -> np.ndarray:
    """Any floating tensor as float32; exact for bf16 and f16."""
    if dtype == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32, copy=False)


def to_bf16(array: np.ndarray) -> np.ndarray:
    """float32 -> bf16 bit patterns (uint16), rounded to nearest even as torch does. NaN stays NaN."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(array), np.uint16(0x7FC0), rounded)


def is_recomputed(name: str) -> bool:
    """Whether a tensor is a table of positions that old checkpoints carry and every engine computes for itself."""
    return name.endswith(_RECOMPUTED)


def read_header(file: Path) -> dict[str, TensorInfo]:
    """The tensors of one safetensors file. Raises CheckpointError for a damaged or shortened one."""
    try:
        size = foreign.check_regular(file)
        stream = file.open("rb")
    except OSError as error:
        raise cannot_read(file, error) from None
    with stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise _damaged(file, tr(f"it ends inside its header ({size} bytes)", f"文件在头部处中断（{size} 字节）"))
        if length > _MAX_HEADER_BYTES:
            raise _damaged(file, tr(f"its header has {length} bytes", f"头部长达 {length} 字节"))
        try:
            header = foreign.parse_json(stream.read(length))
            header.pop("__metadata__", None)
            infos = {
                name: TensorInfo(
                    name,
                    entry["dtype"],
                    tuple(entry["shape"]),
                    file,
                    8 + length + entry["data_offsets"][0],
                    entry["data_offsets"][1] - entry["data_offsets"][0],
                )
                for name, entry in header.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise _damaged(file, tr("its header cannot be read", "头部无法解析")) from None
    for info in infos.values():
        if not isinstance(info.dtype, str) or info.dtype not in NUMPY_TYPES:
            kind = foreign.shown(info.dtype)
            raise _damaged(
                file, tr(f"{foreign.shown(info.name)} has type {kind}", f"{foreign.shown(info.name)} 的类型为 {kind}")
            )
        if not (_are_sizes(info, 8 + length) and info.num_bytes == _num_bytes(info.dtype, info.shape)):
            name = foreign.shown(info.name)
            raise _damaged(file, tr(f"{name}: shape and length do not fit", f"{name}：形状与长度不符"))
    end = max((i.offset + i.num_bytes for i in infos.values()), default=8 + length)
    if end > size:
        raise _damaged(file, tr(f"{end} bytes expected, {size} found", f"应有 {end} 字节，实际 {size}"))
    return infos


def _are_sizes(info: TensorInfo, start: int) -> bool:
    """Whole numbers, of a tensor that lies behind its header; none larger than a file can be."""
    numbers = (info.offset, info.num_bytes, *info.shape)
    is_small = len(info.shape) <= _MAX_DIMENSIONS and all(type(n) is int and 0 <= n < 2**48 for n in numbers)
    return is_small and info.offset >= start


def _num_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(NUMPY_TYPES[dtype]).itemsize


class Checkpoint:
    """A folder with `config.json` and safetensors, checked against each other when opened.

    Names are those of the split layout (`q_proj`, `k_proj`, `v_proj`) whatever lies on disk; `stored` has the disk's.
    Raises CheckpointError naming file, tensor, expected and found shape.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.architecture = architecture.read(self.folder)
        self.files = _weight_files(self.folder)
        self.stored: dict[str, TensorInfo] = {}
        for file in self.files:
            for name, info in read_header(file).items():
                if name in self.stored:
                    raise _damaged(
                        file,
                        tr(
                            f"{name} is also in {self.stored[name].file.name}",
                            f"{name} 也在 {self.stored[name].file.name} 中",
                        ),
                    )
                if not is_recomputed(name):
                    self.stored[name] = info
        self.is_fused = any(f".{qkv.FUSED}." in name for name in self.stored)
        self._check()

    def _check(self) -> None:
        expected = self.architecture.tensor_shapes(self.is_fused)
        optional = {"lm_head.weight"} if self.architecture.is_tied else set()
        # A file may carry the tied head once more; it is the embedding, and is left alone.
        if missing := sorted(expected.keys() - self.stored.keys()):
            raise CheckpointError(
                tr(
                    f"{self.folder}: {len(missing)} tensors are missing, the first is {missing[0]} {expected[missing[0]]}.",
                    f"{self.folder}：缺少 {len(missing)} 个张量，第一个是 {missing[0]} {expected[missing[0]]}。",
                )
            )
        if unknown := sorted(self.stored.keys() - expected.keys() - optional):
            raise CheckpointError(
                tr(
                    f"{self.stored[unknown[0]].file}: unknown tensor {foreign.shown(unknown[0])} ({len(unknown)} in all).",
                    f"{self.stored[unknown[0]].file}：未知张量 {foreign.shown(unknown[0])}（共 {len(unknown)} 个）。",
                )
            )
        for name, info in self.stored.items():
            shape = expected.get(name) or expected["model.embed_tokens.weight"]
            if info.dtype not in FLOATS:
                raise CheckpointError(
                    tr(
                        f"{info.file}: {name} has type {info.dtype}; only unquantised weights ({', '.join(FLOATS)}) are read.",
                        f"{info.file}：{name} 的类型为 {info.dtype}；只读取未量化的权重（{'、'.join(FLOATS)}）。",
                    )
                )
            if info.shape != shape:
                raise CheckpointError(
                    tr(
                        f"{info.file}: {name} has shape {info.shape}; config.json asks for {shape}.",
                        f"{info.file}：{name} 的形状为 {info.shape}，而 config.json 要求 {shape}。",
                    )
                )

        if optional & self.stored.keys():
            self._check_tied()

    def _check_tied(self) -> None:
        """Engines would differ in silence where a head says something else than the embedding it is tied to."""
        head, embedding = self.stored["lm_head.weight"], self.stored["model.embed_tokens.weight"]
        if head.dtype != embedding.dtype or not np.array_equal(_bytes(head), _bytes(embedding)):
            raise CheckpointError(
                tr(
                    f"{head.file}: lm_head.weight differs from the embedding, but config.json says tie_word_embeddings.",
                    f"{head.file}：lm_head.weight 与词嵌入不同，而 config.json 写明 tie_word_embeddings。",
                ),
                tr(
                    "set tie_word_embeddings to false in config.json if the head is meant",
                    "如需使用该输出层，请在 config.json 中把 tie_word_embeddings 设为 false",
                ),
            )

    def names(self) -> Iterator[str]:
        """All tensor names in the split layout."""
        return iter(self.architecture.tensor_shapes(is_fused=False))

    def dtype(self, name: str) -> str:
        return self._stored(name).dtype

    def read(self, name: str) -> np.ndarray:
        """One tensor of the split layout, copied into memory (bf16 as uint16). q, k, v are cut out of a fused one."""
        info = self._stored(name)
        if name in self.stored:
            return info.read()
        arch = self.architecture
        part = qkv.split_names(info.name).index(name)
        return np.ascontiguousarray(qkv.cut(info.map(), part, arch.num_queries_per_kv, arch.head_dim))

    def _stored(self, name: str) -> TensorInfo:
        return self.stored[name] if name in self.stored else self.stored[qkv.fused_name(name) or name]


def refuse_adapter(folder: Path) -> None:
    """For those who let transformers load: it would put an adapter that lies beside the weights into the model, unasked, and
    import what its configuration names. Raises CheckpointError."""
    if (folder / "adapter_config.json").exists():
        raise CheckpointError(
            tr(
                f"{folder}: an adapter lies beside the model; whether it is meant cannot be known.",
                f"{folder}：模型旁有适配器（adapter），无法判断是否要用它。",
            ),
            tr("move adapter_config.json away", "请移走 adapter_config.json"),
        )


class ShardWriter:
    """Writes tensors one after the other into shards of at most `max_shard_bytes`, then the index.

    The plan (name, safetensors dtype, shape) is given first because a safetensors header stands before its data;
    `write` must then be called in the plan's order. Holds one tensor at a time.
    """

    def __init__(
        self, folder: Path, plan: Iterable[tuple[str, str, tuple[int, ...]]], max_shard_bytes: int = 4 * 10**9
    ):
        self.folder = folder
        self._shards: list[list[tuple[str, str, tuple[int, ...], int]]] = [[]]
        filled = 0
        for name, dtype, shape in plan:
            size = _num_bytes(dtype, shape)
            if self._shards[-1] and filled + size > max_shard_bytes:
                self._shards.append([])
                filled = 0
            self._shards[-1].append((name, dtype, shape, size))
            filled += size
        self._order = iter([(n, entry) for n, shard in enumerate(self._shards) for entry in shard])
        self._current = -1
        self._stream: BinaryIO | None = None

    @property
    def num_bytes(self) -> int:
        return sum(entry[3] for shard in self._shards for entry in shard)

    def _file_name(self, number: int) -> str:
        total = len(self._shards)
        return SINGLE if total == 1 else f"model-{number + 1:05d}-of-{total:05d}.safetensors"

    def write(self, name: str, array: np.ndarray) -> None:
        number, (expected, dtype, shape, _) = next(self._order)
        assert name == expected, f"planned {expected}, got {name}"
        assert array.shape == tuple(shape) and array.dtype == np.dtype(NUMPY_TYPES[dtype]), (
            name,
            array.dtype,
            array.shape,
        )
        if number != self._current:
            self._open(number)
        assert self._stream
        # Not `tofile`: on a full disk it raises an OSError without its number.
        self._stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def _open(self, number: int) -> None:
        self._close()
        self._current = number
        header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
        offset = 0
        for name, dtype, shape, size in self._shards[number]:
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self._stream = (self.folder / self._file_name(number)).open("wb")
        self._stream.write(len(text).to_bytes(8, "little") + text)
        self._stream.flush()

    def _close(self) -> None:
        if self._stream:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None

    def finish(self) -> None:
        """Close the last shard and write the index (only where there are several shards)."""
        self._close()
        assert next(self._order, None) is None, "tensors are missing from what was written"
        if len(self._shards) > 1:
            where = {e[0]: self._file_name(n) for n, shard in enumerate(self._shards) for e in shard}
            write_json(self.folder / INDEX, {"metadata": {"total_size": self.num_bytes}, "weight_map": where})


def _bytes(info: TensorInfo) -> np.ndarray:
    return info.map().reshape(-1).view(np.uint8)


def _weight_files(folder: Path) -> list[Path]:
    """The same files that transformers would take: one whole file before an index; adapters are not looked at."""
    index = folder / INDEX
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if index.exists():
        try:
            names = sorted(set(foreign.read_json(index)["weight_map"].values()))
        except (ValueError, OSError, KeyError, AttributeError, TypeError):
            raise _damaged(index, tr("its weight_map cannot be read", "weight_map 无法解析")) from None
        if odd := [name for name in names if foreign.leaves(name) or not name.endswith(".safetensors")]:
            name = foreign.shown(odd[0])
            raise _damaged(
                index,
                tr(
                    f"its weight_map names no weights of this folder ({name})",
                    f"weight_map 所列不是本目录的权重（{name}）",
                ),
            )
        if lost := [name for name in names if not (folder / name).is_file()]:
            raise CheckpointError(
                tr(
                    f"{folder}: {len(lost)} of {len(names)} shards are missing: {', '.join(lost)}.",
                    f"{folder}：{len(names)} 个分片中缺少 {len(lost)} 个：{'、'.join(lost)}。",
                ),
                tr("fetch the model again with `zhinao pull`", "请用 `zhinao pull` 重新下载"),
            )
        return [folder / name for name in names]
    if files := sorted(f for f in folder.glob("*.safetensors") if not f.name.startswith("adapter")):
        return files
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLES)
    if pickles:
        raise CheckpointError(
            tr(
                f"{folder}: {pickles[0]} is a pickle, which can run any code when it is opened; only safetensors are read.",
                f"{folder}：{pickles[0]} 是 pickle 文件，打开时可能执行任意代码；只读取 safetensors。",
            ),
            tr(
                "take a safetensors copy of the model, or rewrite it with a tool you trust on a machine you can lose",
                "请使用 safetensors 版本的模型，或在可丢弃的机器上用可信工具转换",
            ),
        )
    raise CheckpointError(tr(f"{folder}: no safetensors files.", f"{folder}：没有 safetensors 文件。"))


def _damaged(file: Path, what: str) -> CheckpointError:
    return CheckpointError(
        tr(f"{file}: damaged, {what}.", f"{file}：文件损坏，{what}。"),
        tr(
            "fetch the file again (`zhinao pull` checks sizes and hashes)",
            "请重新下载（`zhinao pull` 会校验大小和哈希）",
        ),
    )
