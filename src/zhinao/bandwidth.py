"""How fast memory is read here, by all cores together. It decides how fast a model answers one person. Imports nothing heavy."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

_BYTES = 2**26  # a core's share; all of them together are more than caches hold
_MOST = 2**30  # bytes taken for it
_RUNS = 3


def measure(num_cores: int, free_bytes: int) -> float | None:
    """Bytes a second, the best of a few runs (a third of a second); None where memory is too short to try."""
    num = max(min(num_cores, _MOST // _BYTES), 1)
    size = max(_BYTES, _BYTES * 4 // num)
    if num * size > free_bytes // 4:
        return None
    search = ctypes.CDLL(None).memchr  # reads at full speed, and lets go of Python's lock meanwhile
    search.restype, search.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    parts = [(ctypes.c_char * size)() for _ in range(num)]
    for part in parts:
        ctypes.memset(part, 1, size)  # untouched pages would all be the same one
    with ThreadPoolExecutor(num) as pool:
        return max(_run(pool, search, parts, size) for _ in range(_RUNS))


def _run(pool: ThreadPoolExecutor, search, parts: list, size: int) -> float:
    started = time.perf_counter()
    list(pool.map(lambda part: search(ctypes.addressof(part), 2, size), parts))
    return len(parts) * size / (time.perf_counter() - started)
