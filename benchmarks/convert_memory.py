"""Peak memory and speed of `zhinao convert --no-prove` on a random 1B-shaped bf16 checkpoint in 4 shards.

    python benchmarks/convert_memory.py [--folder DIR] [--runs 3] [--layers 22]

Prints for both directions the peak of resident memory (VmHWM, asked of the converting process itself) beside the bound of
twice the largest tensor plus 500 MB, and MB/s beside a plain copy of the same files in the same run. Exit code 1 if the
bound is broken. The source is dropped from the page cache before each run; writes are flushed to disk (fsync).
Needs about 10 GB of disk, and no torch.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from zhinao.model import architecture
from zhinao.model.checkpoint import ShardWriter, to_bf16

CONFIG = {
    "architectures": ["ZhinaoForCausalLM"],
    "model_type": "zhinao",
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 158464,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1000000.0,
    "torch_dtype": "bfloat16",
}
COMMAND = """
import re, sys
from zhinao.cli import main
code = main(sys.argv[1:])
print("VmHWM", re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(code)
"""


def make_source(folder: Path, num_layers: int, vocab_size: int = CONFIG["vocab_size"]) -> int:
    """Write the checkpoint in 4 shards; returns the bytes of its largest tensor."""
    folder.mkdir()
    raw = {**CONFIG, "num_hidden_layers": num_layers, "vocab_size": vocab_size}
    (folder / "config.json").write_text(json.dumps(raw))
    shapes = architecture.from_config(raw, folder / "config.json").tensor_shapes(is_fused=True)
    sizes = [2 * int(np.prod(shape)) for shape in shapes.values()]
    writer = ShardWriter(folder, [(name, "BF16", shape) for name, shape in shapes.items()], sum(sizes) * 28 // 100)
    numbers = to_bf16(np.random.default_rng(0).standard_normal(2**24 + 17, dtype=np.float32) * 0.02)
    for start, (name, shape) in enumerate(shapes.items()):
        writer.write(name, np.resize(np.roll(numbers, start), shape))
    writer.finish()
    return max(sizes)


def num_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def forget(folder: Path) -> None:
    """Drop the files from the page cache, so that reading means the disk."""
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def convert(source: Path, to: str, out: Path) -> tuple[float, int]:
    """MB/s as the command prints it, and VmHWM in bytes."""
    forget(source)
    words = ["convert", str(source), "--to", to, str(out), "--no-prove", "--force", "--lang", "en"]
    run = subprocess.run([sys.executable, "-c", COMMAND, *words], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return float(re.search(r"\((\d+) MB/s\)", run.stdout)[1]), int(re.search(r"VmHWM (\d+)", run.stdout)[1]) * 1024


def copy(source: Path, out: Path) -> float:
    """MB/s of reading and writing the same files one after the other, flushed."""
    forget(source)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    begin = time.perf_counter()
    for file in source.glob("*.safetensors"):
        with file.open("rb") as reader, (out / file.name).open("wb") as writer:
            while block := reader.read(2**24):
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
    return num_bytes(source) / 1e6 / (time.perf_counter() - begin)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary folder)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layers", type=int, default=22)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="zhinao-convert-") as name:
        work = Path(name)
        largest = make_source(work / "zhinao", args.layers)
        bound = 2 * largest + 500 * 10**6
        shards = len(list((work / "zhinao").glob("*.safetensors")))
        print(
            f"source: {num_bytes(work / 'zhinao') / 1e9:.2f} GB in {shards} shards, largest tensor {largest / 1e6:.0f} MB"
        )
        copied, speeds, peaks = [], {"qwen2": [], "zhinao": []}, {"qwen2": [], "zhinao": []}
        for _ in range(args.runs):
            copied.append(copy(work / "zhinao", work / "copy"))
            for to, source, out in (("qwen2", "zhinao", "qwen2"), ("zhinao", "qwen2", "again")):
                speed, peak = convert(work / source, to, work / out)
                speeds[to].append(speed)
                peaks[to].append(peak)
    for to in speeds:
        verdict = "within the bound" if max(peaks[to]) <= bound else "OVER THE BOUND"
        print(
            f"to {to:6}: peak {max(peaks[to]) / 1e6:.0f} MB of {bound / 1e6:.0f} MB allowed ({verdict}); "
            f"{statistics.median(speeds[to]):.0f} MB/s, plain copy {statistics.median(copied):.0f} MB/s (medians of {args.runs})"
        )
    return int(any(max(found) > bound for found in peaks.values()))


if __name__ == "__main__":
    sys.exit(main())
