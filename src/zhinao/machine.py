"""What this machine has: processor, memory, GPUs, package versions. Looks at files and metadata; imports nothing heavy."""

import os
import platform
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

# The instruction sets that decide how fast a matrix product runs.
FEATURES = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}
_INT8 = {"avx512_vnni", "avx_vnni", "amx_int8", "i8mm"}
# What oneDNN's limit leaves (OpenVINO and torch compute by oneDNN); limits that leave all of `FEATURES` are not listed.
_AVX512 = ("avx2", "avx512f")
_LEFT = {
    "SSE41": (),
    "AVX": (),
    "AVX2": ("avx2",),
    "AVX2_VNNI": ("avx2", "avx_vnni"),
    "AVX2_VNNI_2": ("avx2", "avx_vnni"),
    "AVX512_CORE": _AVX512,
    "AVX512_CORE_VNNI": (*_AVX512, "avx512_vnni"),
    "AVX512_CORE_BF16": (*_AVX512, "avx512_vnni", "avx512_bf16"),
    "AVX512_CORE_FP16": (*_AVX512, "avx512_vnni", "avx512_bf16", "avx_vnni"),
}
_CGROUP = Path("/sys/fs/cgroup")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_bytes: int
    driver: str


@dataclass(frozen=True)
class Machine:
    """`num_cores` are those this process may use; memory is the container's where there is one."""

    system: str
    python: str
    cpu: str
    cpu_features: tuple[str, ...]
    num_cores: int
    memory_bytes: int
    free_memory_bytes: int
    gpus: tuple[Gpu, ...]

    def as_dict(self) -> dict:
        return asdict(self)


def facts() -> Machine:
    cpu, features = _cpu()
    memory, free = _memory()
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu=cpu,
        cpu_features=features,
        num_cores=num_cores(),
        memory_bytes=memory,
        free_memory_bytes=free,
        gpus=nvidia_gpus(),
    )


def free_memory_bytes() -> int:
    """Memory that may still be taken, the container's limit minded."""
    return _memory()[1]


def cpu_features() -> tuple[str, ...]:
    """Which of `FEATURES` the processor has, and `ONEDNN_MAX_CPU_ISA` leaves where somebody has set it."""
    return _cpu()[1]


def lacks_avx2() -> bool:
    """Whether this is a processor of x86 of which it is known that it has no AVX2."""
    return platform.machine() in ("x86_64", "AMD64") and _CPUINFO.exists() and "avx2" not in cpu_features()


def has_bf16(features: tuple[str, ...] | None = None) -> bool:
    """Whether a processor with these `features` (None: this one) multiplies in bfloat16. Without such products libraries refuse
    bfloat16 or imitate it, many times slower than float32. Everybody who chooses a precision on a processor asks here."""
    return bool(_BF16 & set(cpu_features() if features is None else features))


def has_int8(features: tuple[str, ...] | None = None) -> bool:
    """The same for products of bytes."""
    return bool(_INT8 & set(cpu_features() if features is None else features))


def num_cores() -> int:
    """Cores that may be used: the affinity mask, and the container's quota where it is smaller."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def _cpu() -> tuple[str, tuple[str, ...]]:
    fields = dict(
        (key.strip(), value.strip())
        for key, _, value in (line.partition(":") for line in _text(_CPUINFO).split("\n\n")[0].splitlines())
    )
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    left = _LEFT.get(
        (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "").upper(), FEATURES
    )
    name = fields.get("model name") or platform.processor() or platform.machine()
    return name, tuple(f for f in FEATURES if f in flags and f in left)


def _memory() -> tuple[int, int]:
    fields = dict(line.split(":", 1) for line in _text(Path("/proc/meminfo")).splitlines() if ":" in line)
    total, free = (int(fields.get(key, "0 kB").split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    limit, used = _text(_CGROUP / "memory.max").strip(), _text(_CGROUP / "memory.current").strip()
    if limit.isdigit() and int(limit) < total:
        total = int(limit)
        free = min(free, total - int(used or 0))
    return total, free


def nvidia_gpus() -> tuple[Gpu, ...]:
    """The GPUs that NVIDIA's driver shows; empty where there is no driver or it does not answer."""
    if not (tool := shutil.which("nvidia-smi")):
        return ()
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return tuple(Gpu(row[0], int(row[1]) * 2**20, row[2]) for row in rows if len(row) == 3 and row[1].isdigit())


def version(*packages: str) -> str | None:
    """The installed version of the first of `packages` that is there, without importing it."""
    import importlib.metadata  # 25 ms that a chat need not wait for

    for package in packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def free_port() -> int:
    """A port of the loopback address that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
