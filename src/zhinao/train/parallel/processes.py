"""What must be so before torch and DeepSpeed start among several processes, and the start of the process group itself.

The order of a run is `prepare`, then the data (no process group yet: nobody waits with a timeout), then `join`, then
TrainingArguments, then the model. Launchers (`zhinao launch`, torchrun, deepspeed, srun) say who is who by environment variables.
"""

import os
import tempfile
import time
import warnings
from datetime import timedelta
from pathlib import Path

from zhinao import machine
from zhinao.train.parallel import presets
from zhinao.train.settings.settings import TrainSettings

_TIMEOUT = timedelta(hours=3)  # the first step may wait for weights to be read, and a save for a slow disk
_LOCK_SECONDS = 60  # a lock of DeepSpeed's compiler older than this is another job's, or was left by a killed one


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that speaks and writes, by what launchers tell it."""
    return rank() == 0


def num_processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _num_local() -> int:
    """Processes on this machine; DeepSpeed's launcher has a name of its own for that."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("LOCAL_SIZE") or "1")


def timeout_seconds() -> int:
    """For TrainingArguments' `ddp_timeout`."""
    return int(_TIMEOUT.total_seconds())


def prepare(settings: TrainSettings) -> None:
    """Environment variables that torch, DeepSpeed and accelerate read when they are imported. Imports none of them."""
    if "OMP_NUM_THREADS" not in os.environ and num_processes() > 1:
        os.environ["OMP_NUM_THREADS"] = str(max(1, machine.num_cores() // _num_local()))
    if needs_group(settings) and "RANK" not in os.environ:
        _alone()
    if presets.uses_deepspeed(settings):
        _avoid_locked_extensions()
    if settings.parallel == "fsdp2":
        os.environ.setdefault("ACCELERATE_USE_FSDP", "true")
        os.environ.setdefault("FSDP_VERSION", "2")
        os.environ.setdefault("FSDP_STATE_DICT_TYPE", "FULL_STATE_DICT")
        os.environ.setdefault("FSDP_CPU_RAM_EFFICIENT_LOADING", "true")


def needs_group(settings: TrainSettings) -> bool:
    """Whether a process group is needed even for one process: DeepSpeed and FSDP do not work without."""
    return presets.uses_deepspeed(settings) or settings.parallel == "fsdp2"


def _alone() -> None:
    """One process that no launcher has started."""
    names = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(machine.free_port())})


def _avoid_locked_extensions() -> None:
    """DeepSpeed's compiler waits for ever for a lock that a killed build has left; then this run builds in a folder of its own."""
    folder = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions")
    locks = [lock for lock in folder.glob("**/lock") if time.time() - lock.stat().st_mtime > _LOCK_SECONDS]
    if locks:
        job = f"{os.environ.get('MASTER_ADDR', '')}-{os.environ.get('MASTER_PORT', '')}-{os.getppid()}"
        os.environ["TORCH_EXTENSIONS_DIR"] = str(Path(tempfile.gettempdir()) / f"torch-extensions-{os.getuid()}-{job}")


def join(settings: TrainSettings) -> None:
    """Start the process group, for decided settings. Call it when the data are encoded, and before TrainingArguments.

    On GPUs TrainingArguments starts it (NCCL) and nothing is done here.
    """
    _quiet()
    if settings.use_cpu:
        os.environ["DS_ACCELERATOR"] = "cpu"  # whoever imports DeepSpeed would be warned that there is no GPU
    if not settings.use_cpu or "RANK" not in os.environ:
        return
    if presets.uses_deepspeed(settings):
        _join_deepspeed()
        return
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    state = PartialState(cpu=True, timeout=_TIMEOUT)
    if settings.parallel == "fsdp2":
        state.distributed_type = DistributedType.MULTI_GPU  # accelerate shards only what it takes for devices


def _quiet() -> None:
    """PEFT and TRL call checkpointing by the name that it had before transformers 5.20, which tells the user of that."""
    names = r"`(is_gradient_checkpointing|gradient_checkpointing_(enable|disable))` is deprecated"
    warnings.filterwarnings("ignore", names, category=FutureWarning)


def _join_deepspeed() -> None:
    """gloo, before the model is made: ZeRO-3 would else take the number of processes for 1. Nothing is compiled for it."""
    import deepspeed

    # torch would tell each process of names of its own that DeepSpeed still calls
    warnings.filterwarnings("ignore", "`torch.distributed", category=FutureWarning)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # for inference; g++ would take minutes
    deepspeed.init_distributed(dist_backend="gloo", timeout=_TIMEOUT, auto_mpi_discovery=False)


def leave() -> None:
    """End the process group, where there is one: torch complains about processes that go without."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
