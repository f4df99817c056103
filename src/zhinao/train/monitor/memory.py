"""The most memory that this process has taken so far, on the GPU where it has one."""

import resource
from pathlib import Path


def peak_bytes() -> int:
    """GPU: what PyTorch has reserved at most. Otherwise the process's own peak (its parent's is not in it)."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    return resident()


def resident() -> int:
    """The process's own peak in bytes. `getrusage` would keep its parent's over exec; the kernel's status does not."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
