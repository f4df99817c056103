"""Token ids in, token ids out: `open` gives the engine that suits this machine. Knows neither text nor HTTP."""

from collections.abc import Callable
from pathlib import Path

from zhinao.engine.base import Engine

__all__ = ["open"]


def open(
    folder: Path,
    *,
    engine: str = "auto",
    quant: str | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    cache_gb: float | None = None,
    progress: Callable[[float, str], None] | None = None,
    is_for_scoring: bool = False,
    is_for_many: bool = False,
    is_lazy: bool = False,
) -> Engine:
    """Load a checkpoint folder into the engine that `select.choose` names. Close it, or use it in a `with`.

    quant: weight format (OpenVINO: `int8`, `bf16`, `f32`; torch engines: `f32`, `bf16`, `f16`); None is the engine's default.
    num_threads, cache_gb: of the OpenVINO engine; None suits the machine. progress: called as `(fraction, sentence)`
    while weights are prepared. is_for_scoring: `score` is the main use (less memory, no prefix cache).
    is_for_many: many requests at once are what counts (OpenVINO, int8). is_lazy: what `score_many` does not need is
    loaded with the first request that does (OpenVINO).
    Raises UsageError, MissingExtraError, CheckpointError, DiskError, EngineError.
    """
    from zhinao.engine import select

    choice = select.choose(engine, quant, device)
    select.require(choice.engine)
    folder = Path(folder)
    if choice.engine == "openvino":
        from zhinao.engine.openvino.engine import OpenVINOEngine

        return OpenVINOEngine.load(folder, quant, num_threads, cache_gb, progress, is_for_scoring, is_for_many, is_lazy)
    if choice.engine == "vllm":
        from zhinao.engine.vllm import VLLMEngine

        return VLLMEngine.load(folder, device, quant)
    from zhinao.engine.transformers import TransformersEngine

    return TransformersEngine.load(folder, device, quant)
