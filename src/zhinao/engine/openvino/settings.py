"""How the OpenVINO pipelines are set up: size of the key/value cache, precisions, batching, threads.

Pure arithmetic on sizes; what the machine has is passed in. The choices were measured, see `benchmarks/`.
"""

from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import EngineError, UsageError
from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.model.architecture import Architecture

BLOCK_TOKENS = 32  # of the CPU plugin's paged attention
_WANTED_TOKENS = 2**15  # cache for that many tokens, or two whole contexts, where memory allows
_WIDE = {"bf16": 2, "f32": 4}  # bytes of one key or value where they are not rounded to 8 bits
KERNELS = 128  # compiled for lengths of a step that each stream of the graph keeps, instead of 5000
_SCORE_TOKENS = 256  # logits of that many tokens are held at once when a prompt is scored
_AT_ONCE = (
    256  # tokens of prompts in one step: a long prompt takes as long with 2048, and everybody's answers stood still
)


@dataclass(frozen=True)
class Memory:
    """What the key/value cache is sized by, in bytes: the compiled weights and the machine's free memory."""

    weight_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Products:
    """Of which numbers narrower than float32 the processor has products that OpenVINO uses."""

    bf16: bool
    int8: bool


@dataclass(frozen=True)
class Precisions:
    """What is computed in (`bf16`, `f32`), what keys and values are kept in (`bf16`, `f32`, `u8`), and how many activations
    share a scale where they are rounded to 8 bits (0: they are not)."""

    computed: str
    cached: str
    num_rounded: int = 0


def precisions(weight_format: str, products: Products, is_for_many: bool = False) -> Precisions:
    """Weights stay what they are; the rest is what the processor has. OpenVINO computes in float32 whatever it is told where
    there is no bf16, and a cache of bf16 beside that is fatal."""
    if weight_format in _WIDE:
        return Precisions(*["bf16" if weight_format == "bf16" and products.bf16 else "f32"] * 2)
    # One stream is a fifth faster where activations are not rounded to 8 bits, and nearer to the model; from eight streams
    # on rounding pays (about 1.5 times at 8, 1.2 times at 32), since products of bytes are quicker than weights made
    # wide. What is not such a product is then better computed in float32: no slower, and nearer.
    if is_for_many:
        return Precisions("f32", "u8", 32 if products.int8 else 0)
    return Precisions("bf16" if products.bf16 else "f32", "u8")


def block_bytes(arch: Architecture, cached: str) -> int:
    """Bytes of one block of keys and values, which are kept as `cached` (`Precisions`), in all layers.

    8 bit keys have scale and zero point (two float32) for each channel of a block, values for each token.
    """
    d = arch.head_dim
    if cached in _WIDE:
        one_head = 2 * _WIDE[cached] * BLOCK_TOKENS * d
    else:
        one_head = (BLOCK_TOKENS * d + 8 * d) + BLOCK_TOKENS * (d + 8)
    return arch.num_layers * arch.num_kv_heads * one_head


def num_blocks(arch: Architecture, cached: str, num_context_tokens: int, memory: Memory, cache_gb: float | None) -> int:
    """Blocks of the cache: `cache_gb` where given, else what is wanted, but at most half of what the weights leave free.

    Raises EngineError where not even the weights fit, UsageError for a `cache_gb` that does not fit.
    """
    left = memory.free_bytes - memory.weight_bytes
    one = block_bytes(arch, cached)
    if left < 4 * one:
        raise EngineError(
            tr(
                f"The weights take {human_size(memory.weight_bytes)}; {human_size(memory.free_bytes)} of memory are free.",
                f"权重需要 {human_size(memory.weight_bytes)} 内存，只剩 {human_size(memory.free_bytes)}。",
            ),
            tr(
                "close other programs, or take a smaller model or weight format",
                "请关闭其他程序，或使用更小的模型或权重格式",
            ),
        )
    if cache_gb is None:
        wanted = max(_WANTED_TOKENS, 2 * num_context_tokens) // BLOCK_TOKENS
        return max(2, min(wanted, left // 2 // one))
    if not one * 2 <= cache_gb * 1e9 <= left:
        raise UsageError(
            tr(
                f"A cache of {human_size(cache_gb * 1e9)} does not fit; possible: {human_size(one * 2)} … {human_size(left)}.",
                f"{human_size(cache_gb * 1e9)} 的缓存放不下，可用范围：{human_size(one * 2)} … {human_size(left)}。",
            )
        )
    return int(cache_gb * 1e9 / one)


def for_worker(
    folder: Path,
    weight_format: str,
    num_cache_blocks: int,
    num_context_tokens: int,
    memory: Memory,
    num_threads: int | None,
    is_for_scoring: bool,
    products: Products,
    is_for_many: bool = False,
) -> dict:
    """The first line for `worker`. `is_for_many`: many requests at once are what counts. Both pipelines compute alike;
    of a prompt that a prefix cache knows no log-likelihoods come back, so where prompts are scored there is none."""
    properties = _properties(precisions(weight_format, products, is_for_many), num_threads)
    score = {
        "scheduler": _scheduler(num_context_tokens // BLOCK_TOKENS + 2, _SCORE_TOKENS, False),
        "properties": properties,
    }
    generate = {
        "scheduler": _scheduler(num_cache_blocks, _SCORE_TOKENS if is_for_scoring else _AT_ONCE, not is_for_scoring),
        "properties": properties,
    }
    return {"folder": str(folder), "is_for_scoring": is_for_scoring, "generate": generate, "score": score}


def _scheduler(num_kv_blocks: int, num_at_once: int, has_prefix_cache: bool) -> dict:
    return {
        "num_kv_blocks": num_kv_blocks,
        "max_num_batched_tokens": num_at_once,
        "dynamic_split_fuse": True,  # without it a prompt longer than a batch is fatal
        "enable_prefix_caching": has_prefix_cache,
    }


def _properties(chosen: Precisions, num_threads: int | None) -> dict:
    # Threads that are not pinned to cores lose nothing, and two engines or other programs do not fight for one core.
    properties: dict = {
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": KERNELS,
        "INFERENCE_PRECISION_HINT": chosen.computed,
        "KV_CACHE_PRECISION": chosen.cached,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": chosen.num_rounded,
    }
    if num_threads:
        properties["INFERENCE_NUM_THREADS"] = num_threads
    return properties
