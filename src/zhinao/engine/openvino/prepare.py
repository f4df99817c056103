"""From a checkpoint folder to the settings of the engine's process: checks, the kept graph, sizes by what is free.

Imported after that process was started, so that both work at the same time.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from zhinao import machine
from zhinao.engine.base import EngineInfo
from zhinao.engine.openvino import build
from zhinao.engine.openvino import settings as openvino_settings
from zhinao.engine.openvino import vocabulary as openvino_vocabulary
from zhinao.errors import EngineError, UsageError
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.openvino.rope import num_positions

WEIGHT_FORMATS = ("int8", "bf16", "f32")


@dataclass(frozen=True)
class Prepared:
    """`settings` go to the process; `num_cache_tokens` is what one request may fill of the key/value cache."""

    settings: dict
    info: EngineInfo
    num_cache_tokens: int
    vocabulary: "openvino_vocabulary.Vocabulary | None"


def prepare(
    folder: Path,
    quant: str | None,
    num_threads: int | None,
    cache_gb: float | None,
    progress: build.Progress | None,
    is_for_scoring: bool,
    is_for_many: bool = False,
) -> Prepared:
    """Raises CheckpointError, DiskError, UsageError, and EngineError where memory or the processor do not suffice."""
    quant = quant or "int8"
    if quant not in WEIGHT_FORMATS:
        formats = ", ".join(WEIGHT_FORMATS)
        raise UsageError(
            tr(f"quant is {quant!r}; OpenVINO has: {formats}.", f"quant 为 {quant!r}，OpenVINO 支持：{formats}。")
        )
    if num_threads is not None and num_threads < 1:
        raise UsageError(
            tr(f"num_threads is {num_threads}; allowed: 1, 2 …", f"num_threads 为 {num_threads}，应 ≥ 1。")
        )
    _check_processor()
    checkpoint = Checkpoint(folder)
    compiled = build.compiled(checkpoint, quant, progress)
    arch, num_context = checkpoint.architecture, num_positions(checkpoint.architecture)
    weight_bytes = (compiled / build.BIN).stat().st_size
    memory = openvino_settings.Memory(weight_bytes, machine.free_memory_bytes())
    found = products(machine.cpu_features())
    cached = openvino_settings.precisions(quant, found, is_for_many).cached
    num_blocks = openvino_settings.num_blocks(arch, cached, num_context, memory, cache_gb)
    num_cache_tokens = (num_blocks - 1) * openvino_settings.BLOCK_TOKENS
    num_context = min(num_context, num_cache_tokens)
    settings = openvino_settings.for_worker(
        compiled,
        quant,
        num_blocks,
        num_context,
        memory,
        num_threads or _quota(),
        is_for_scoring,
        found,
        is_for_many,
    )
    vocabulary = openvino_vocabulary.kept(checkpoint)
    settings["generate"]["vocabulary"] = vocabulary and str(vocabulary.folder)
    info = EngineInfo("openvino", "cpu", quant, arch.vocab_size, num_context)
    return Prepared(settings, info, num_cache_tokens, vocabulary)


def _check_processor() -> None:
    """OpenVINO's attention has no code for less; without this it ends in the middle of the first answer."""
    if machine.lacks_avx2():
        raise EngineError(
            tr("The openvino engine needs a processor with AVX2.", "openvino 引擎需要支持 AVX2 的处理器。"),
            tr(
                "--engine transformers (pip install 'zhinao[torch]')",
                "--engine transformers（pip install 'zhinao[torch]'）",
            ),
        )


def products(features: tuple[str, ...]) -> openvino_settings.Products:
    """What OpenVINO uses of a processor with these `features` (`machine.cpu_features`). On ARM it has no bf16."""
    return openvino_settings.Products(
        machine.has_bf16(features) and "asimd" not in features, machine.has_int8(features)
    )


def _quota() -> int | None:
    """OpenVINO counts the cores of the affinity mask; a container may be allowed fewer."""
    allowed = machine.num_cores()
    return allowed if allowed < len(os.sched_getaffinity(0)) else None
