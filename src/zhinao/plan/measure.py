"""Three steps on the heaviest batch, run by `probe.py` in a process of its own, and what a bare process takes.

On a CPU memory is what the kernel says a process had at most (VmHWM). glibc keeps freed blocks for reuse and so shows more than
was needed at once; the child is told to give blocks over 256 KiB back at once (`MALLOC_MMAP_THRESHOLD_`), so that the figure
is the run's and not the allocator's.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from zhinao import files, machine
from zhinao.errors import MissingExtraError, ZhinaoError
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings

MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**18), "MALLOC_TRIM_THRESHOLD_": str(2**18)}
TYPICAL_BASELINE = 900 * 10**6  # where torch is not installed and nothing can be measured
_PACKAGES = ("torch", "transformers", "accelerate", "peft", "deepspeed", "zhinao")


class ProbeError(ZhinaoError):
    """The three steps failed."""

    exit_code = 12


@dataclass(frozen=True)
class Measured:
    """peak_bytes: of the process at most (a CPU), or of the GPU's memory as PyTorch reserved it. loaded_bytes: at most until
    the model was loaded. seconds: of each step. num_tokens: of one step."""

    peak_bytes: int
    loaded_bytes: int
    seconds: list[float]
    num_tokens: int

    @property
    def tokens_per_second(self) -> float:
        """Of the fastest step: the first one also makes the optimizer's state."""
        return self.num_tokens / min(self.seconds)


def run(settings: TrainSettings, folder: Path | None, config: dict, documents: list) -> Measured:
    """Three steps. documents: `Encoded`, all of one batch. folder: a checkpoint; None: random weights by `config`.

    Raises MissingExtraError, and ProbeError with the last line that the child wrote.
    """
    job = {
        "settings": {**dataclasses.asdict(settings), "per_device_train_batch_size": 1, "deepspeed": None},
        "folder": str(folder) if folder else None,
        "config": config,
        "documents": [(one.ids.tolist(), one.weights.tolist()) for one in documents],
    }
    return Measured(**_child(job))


def baseline() -> int:
    """Bytes of a process that trains next to nothing; kept, since they change only with the packages, the precision and the probe."""
    if not importlib.util.find_spec("torch") or not importlib.util.find_spec("transformers"):
        return TYPICAL_BASELINE
    versions = {name: machine.version(name) for name in _PACKAGES}
    versions["computes in bf16"] = str(machine.has_bf16())
    versions["probe"] = files.sha256(Path(__file__).with_name("probe.py"))
    kept = files.home() / "plan-baseline.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["versions"] == versions:
            return known["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = _child(None)["baseline_bytes"]
    if kept.parent.is_dir():
        files.write_json(kept, {"versions": versions, "bytes": found})
    return found


def _child(job: dict | None) -> dict:
    for package in ("torch", "transformers", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
    done = subprocess.run(
        [sys.executable, "-m", "zhinao.plan.probe"],
        input=json.dumps(job),
        env={**os.environ, **MALLOC, "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    last = (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1]
    raise ProbeError(
        tr(f"The three steps could not be run: {last}", f"无法运行三个训练步：{last}"),
        tr("leave out --measure for an estimate alone", "不加 --measure 可只做估算"),
    )
