"""Accelerators as data: memory and speed. Knows nothing of models.

`tflops` are dense, 16-bit inputs added up in float32. `memory` is what the driver shows, not what the box says.
"""

from dataclasses import dataclass

from zhinao import machine
from zhinao.errors import UsageError
from zhinao.lang import tr

GIB = 2**30


@dataclass(frozen=True)
class Device:
    """One accelerator, or this machine's processor.

    memory: bytes. tflops: dense bf16. bandwidth: bytes a second to its own memory. link: bytes a second and direction to its
    neighbours. efficiency: the share of `tflops` that training a dense decoder reaches; an assumption, which `--measure`
    replaces. source: where the figures stand.
    """

    name: str
    title: str
    memory: int
    tflops: float
    bandwidth: float
    link: float
    efficiency: float
    source: tuple[str, str]  # English, Chinese

    @property
    def is_cpu(self) -> bool:
        return self.name == "cpu"


# Efficiency: 38-43 % of peak were published for Llama 3 on H100 (arXiv 2407.21783, table 4), 50-57 % for 7B on A100 (PyTorch's
# blog on FSDP, 2024); cards without NVLink are put lower.
ROWS = (
    Device(
        name="h200",
        title="NVIDIA H200 SXM",
        memory=int(140.4 * GIB),
        tflops=989,
        bandwidth=4800e9,
        link=450e9,
        efficiency=0.40,
        source=("NVIDIA H200 datasheet", "NVIDIA H200 数据手册"),
    ),
    Device(
        name="h100",
        title="NVIDIA H100 SXM 80 GB",
        memory=int(79.6 * GIB),
        tflops=989,
        bandwidth=3350e9,
        link=450e9,
        efficiency=0.40,
        source=("NVIDIA H100 datasheet", "NVIDIA H100 数据手册"),
    ),
    Device(
        name="h800",
        title="NVIDIA H800 SXM 80 GB",
        memory=int(79.6 * GIB),
        tflops=989,
        bandwidth=3350e9,
        link=200e9,
        efficiency=0.40,
        source=("NVIDIA H100 datasheet; NVLink 400 GB/s", "NVIDIA H100 数据手册；NVLink 400 GB/s"),
    ),
    Device(
        name="h20",
        title="NVIDIA H20 96 GB",
        memory=int(95.6 * GIB),
        tflops=148,
        bandwidth=4000e9,
        link=450e9,
        efficiency=0.55,
        source=("NVIDIA H20 product brief", "NVIDIA H20 产品简介"),
    ),
    Device(
        name="a100-80",
        title="NVIDIA A100 SXM 80 GB",
        memory=int(80.0 * GIB),
        tflops=312,
        bandwidth=2039e9,
        link=300e9,
        efficiency=0.50,
        source=("NVIDIA A100 datasheet", "NVIDIA A100 数据手册"),
    ),
    Device(
        name="a100-40",
        title="NVIDIA A100 SXM 40 GB",
        memory=int(40.0 * GIB),
        tflops=312,
        bandwidth=1555e9,
        link=300e9,
        efficiency=0.50,
        source=("NVIDIA A100 datasheet", "NVIDIA A100 数据手册"),
    ),
    Device(
        name="a800",
        title="NVIDIA A800 SXM 80 GB",
        memory=int(80.0 * GIB),
        tflops=312,
        bandwidth=2039e9,
        link=200e9,
        efficiency=0.50,
        source=("NVIDIA A100 datasheet; NVLink 400 GB/s", "NVIDIA A100 数据手册；NVLink 400 GB/s"),
    ),
    Device(
        name="l40s",
        title="NVIDIA L40S 48 GB",
        memory=int(45.0 * GIB),
        tflops=362,
        bandwidth=864e9,
        link=32e9,
        efficiency=0.35,
        source=("NVIDIA L40S datasheet", "NVIDIA L40S 数据手册"),
    ),
    Device(
        name="5090",
        title="NVIDIA RTX 5090 32 GB",
        memory=int(31.8 * GIB),
        tflops=209.5,
        bandwidth=1792e9,
        link=64e9,
        efficiency=0.40,
        source=("NVIDIA RTX Blackwell whitepaper", "NVIDIA RTX Blackwell 白皮书"),
    ),
    Device(
        name="4090",
        title="NVIDIA RTX 4090 24 GB",
        memory=int(24.0 * GIB),
        tflops=165.2,
        bandwidth=1008e9,
        link=32e9,
        efficiency=0.45,
        source=("NVIDIA Ada whitepaper, appendix A", "NVIDIA Ada 白皮书附录 A"),
    ),
    Device(
        name="3090",
        title="NVIDIA RTX 3090 24 GB",
        memory=int(24.0 * GIB),
        tflops=71,
        bandwidth=936e9,
        link=32e9,
        efficiency=0.50,
        source=("NVIDIA GA102 whitepaper, table 9", "NVIDIA GA102 白皮书表 9"),
    ),
    Device(
        name="910b",
        title="Ascend 910B 64 GB",
        memory=int(61.0 * GIB),
        tflops=313,
        bandwidth=1600e9,
        link=196e9,
        efficiency=0.40,
        source=("as reported; the maker publishes no sheet", "据公开报道，厂商未发布手册"),
    ),
)
NAMES = (*(row.name for row in ROWS), "cpu")


def find(name: str) -> Device:
    """The device with that name; `cpu` is this machine, whose speed is tried out. Raises UsageError."""
    if name == "cpu":
        return this_machine()
    for row in ROWS:
        if row.name == name.lower():
            return row
    raise UsageError(tr(f"--gpu {name} is not known.", f"--gpu {name} 未知。"), ", ".join(NAMES))


def this_machine() -> Device:
    """This machine's processor, all its memory, and the speed of a matrix product in float32 through numpy."""
    facts = machine.facts()
    memory, speed = facts.memory_bytes, _float32_tflops()
    return Device(
        name="cpu",
        title=facts.cpu,
        memory=memory,
        tflops=speed,
        bandwidth=20e9,
        link=5e9,
        efficiency=0.5,
        source=("measured on this machine", "在本机测得"),
    )


def _float32_tflops(size: int = 768, num_times: int = 4) -> float:
    import time

    import numpy as np

    matrix = np.ones((size, size), dtype=np.float32)
    best = float("inf")
    for _ in range(num_times):
        start = time.perf_counter()
        np.matmul(matrix, matrix)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e12


def of_this_machine() -> tuple[Device, int] | None:
    """The GPU of this machine and how many there are; None without one, or where it is not in the table."""
    gpus = machine.nvidia_gpus()
    for row in ROWS if gpus else ():
        word = row.name.partition("-")[0].upper()
        if word in gpus[0].name.upper().replace(" ", "") and abs(row.memory / gpus[0].memory_bytes - 1) < 0.1:
            return row, len(gpus)
    return None
