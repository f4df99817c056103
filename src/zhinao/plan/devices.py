"""Accelerators as data: memory, speed, an example of a price. Knows nothing of models.

`tflops` are dense, 16-bit inputs added up in float32. `memory` is what the driver shows, not what the box says.
"""

from dataclasses import dataclass

from zhinao import machine
from zhinao.errors import UsageError
from zhinao.lang import tr

GIB = 2**30
PRICES_OF = "2025-11"  # examples of what a card cost an hour in the cloud, US dollars, on that date; --price overrides


@dataclass(frozen=True)
class Device:
    """One accelerator, or this machine's processor.

    memory: bytes. tflops: dense bf16. bandwidth: bytes a second to its own memory. link: bytes a second and direction to its
    neighbours. efficiency: the share of `tflops` that training a dense decoder reaches; an assumption, which `--measure`
    replaces. price: US dollars an hour. source: where the figures stand.
    """

    name: str
    title: str
    memory: int
    tflops: float
    bandwidth: float
    link: float
    efficiency: float
    price: float
    source: tuple[str, str]  # English, Chinese

    @property
    def is_cpu(self) -> bool:
        return self.name == "cpu"


def _row(name, title, gib, tflops, gb_s, link_gb_s, efficiency, price, source) -> Device:
    return Device(name, title, int(gib * GIB), tflops, gb_s * 1e9, link_gb_s * 1e9, efficiency, price, source)


# Efficiency: 38-43 % of peak were published for Llama 3 on H100 (arXiv 2407.21783, table 4), 50-57 % for 7B on A100 (PyTorch's
# blog on FSDP, 2024); cards without NVLink are put lower.
ROWS = (
    _row(
        "h200", "NVIDIA H200 SXM", 140.4, 989, 4800, 450, 0.40, 3.5, ("NVIDIA H200 datasheet", "NVIDIA H200 数据手册")
    ),
    _row(
        "h100",
        "NVIDIA H100 SXM 80 GB",
        79.6,
        989,
        3350,
        450,
        0.40,
        2.5,
        ("NVIDIA H100 datasheet", "NVIDIA H100 数据手册"),
    ),
    _row(
        "h800",
        "NVIDIA H800 SXM 80 GB",
        79.6,
        989,
        3350,
        200,
        0.40,
        2.2,
        ("NVIDIA H100 datasheet; NVLink 400 GB/s", "NVIDIA H100 数据手册；NVLink 400 GB/s"),
    ),
    _row(
        "h20", "NVIDIA H20 96 GB", 95.6, 148, 4000, 450, 0.55, 1.5, ("NVIDIA H20 product brief", "NVIDIA H20 产品简介")
    ),
    _row(
        "a100-80",
        "NVIDIA A100 SXM 80 GB",
        80.0,
        312,
        2039,
        300,
        0.50,
        1.6,
        ("NVIDIA A100 datasheet", "NVIDIA A100 数据手册"),
    ),
    _row(
        "a100-40",
        "NVIDIA A100 SXM 40 GB",
        40.0,
        312,
        1555,
        300,
        0.50,
        1.2,
        ("NVIDIA A100 datasheet", "NVIDIA A100 数据手册"),
    ),
    _row(
        "a800",
        "NVIDIA A800 SXM 80 GB",
        80.0,
        312,
        2039,
        200,
        0.50,
        1.4,
        ("NVIDIA A100 datasheet; NVLink 400 GB/s", "NVIDIA A100 数据手册；NVLink 400 GB/s"),
    ),
    _row("l40s", "NVIDIA L40S 48 GB", 45.0, 362, 864, 32, 0.35, 0.9, ("NVIDIA L40S datasheet", "NVIDIA L40S 数据手册")),
    _row(
        "5090",
        "NVIDIA RTX 5090 32 GB",
        31.8,
        209.5,
        1792,
        64,
        0.40,
        0.7,
        ("NVIDIA RTX Blackwell whitepaper", "NVIDIA RTX Blackwell 白皮书"),
    ),
    _row(
        "4090",
        "NVIDIA RTX 4090 24 GB",
        24.0,
        165.2,
        1008,
        32,
        0.45,
        0.4,
        ("NVIDIA Ada whitepaper, appendix A", "NVIDIA Ada 白皮书附录 A"),
    ),
    _row(
        "3090",
        "NVIDIA RTX 3090 24 GB",
        24.0,
        71,
        936,
        32,
        0.50,
        0.2,
        ("NVIDIA GA102 whitepaper, table 9", "NVIDIA GA102 白皮书表 9"),
    ),
    _row(
        "910b",
        "Ascend 910B 64 GB",
        61.0,
        313,
        1600,
        196,
        0.40,
        1.0,
        ("as reported; the maker publishes no sheet", "据公开报道，厂商未发布手册"),
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
    return Device("cpu", facts.cpu, memory, speed, 20e9, 5e9, 0.5, 0.0, ("measured on this machine", "在本机测得"))


def _float32_tflops(size: int = 768, num_times: int = 4) -> float:
    import time

    import numpy as np

    matrix = np.ones((size, size), dtype=np.float32)
    best = float("inf")
    for _ in range(num_times):
        start = time.perf_counter()
        matrix @ matrix
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
