"""Environment variables for vLLM's server: settings that reach its processes no other way, and a CPU's cores."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields

from zhinao import machine
from zhinao.serve.settings import ServeSettings
from zhinao.serve.vllm import arguments

SETTINGS_VARIABLE = "ZHINAO_SERVE_SETTINGS"  # for the middleware, which vLLM makes without arguments


def chosen(
    settings: ServeSettings, host: str, is_cpu: bool, flags: Sequence[str], environ=os.environ
) -> dict[str, str]:
    """What is added; a variable that the user has set stays as it is."""
    made = {"VLLM_NO_USAGE_STATS": "1", SETTINGS_VARIABLE: written(settings, host)}
    made["FORWARDED_ALLOW_IPS"] = (
        ",".join(settings.proxy) or "none"
    )  # uvicorn believes everything on this machine otherwise
    if is_cpu:
        made |= _cpu(settings, flags)
    return {name: value for name, value in made.items() if name not in environ or name == SETTINGS_VARIABLE}


def written(settings: ServeSettings, host: str) -> str:
    """The settings that differ from the defaults, as JSON. Keys are not among them, only the file that holds them."""
    defaults = {field.name: field.default for field in fields(settings)}
    values = asdict(settings) | {"host": host}
    return json.dumps({name: value for name, value in values.items() if value != defaults[name]})


def read(environ=os.environ) -> ServeSettings:
    """The settings that `written` wrote; defaults where vLLM was not started by us."""
    values = json.loads(environ.get(SETTINGS_VARIABLE) or "{}")
    return ServeSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _cpu(settings: ServeSettings, flags: Sequence[str]) -> dict[str, str]:
    """vLLM would take most of the memory, and cannot share few cores between ranks by itself."""
    made = {}
    if not settings.cache_gb and not arguments.has(flags, "--kv-cache-memory-bytes"):
        made["VLLM_CPU_KVCACHE_SPACE"] = str(min(16, max(1, machine.free_memory_bytes() // 4 // 2**30)))
    size = arguments.value_of(flags, "--tensor-parallel-size") or arguments.value_of(flags, "-tp") or "1"
    num_ranks = int(size) if size.isdigit() else 1
    if settings.threads or num_ranks > 1:
        made["VLLM_CPU_OMP_THREADS_BIND"] = _bind(settings.threads, num_ranks)
    return made


def _bind(num_threads: int | None, num_ranks: int) -> str:
    """The cores of each rank: `0,1|2,3`."""
    cores = sorted(os.sched_getaffinity(0))[: num_threads or None]
    share = max(1, len(cores) // num_ranks)
    ranks = [cores[n * share % len(cores) :][:share] for n in range(num_ranks)]
    return "|".join(",".join(map(str, rank)) for rank in ranks)
