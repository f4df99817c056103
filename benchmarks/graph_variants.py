"""Variants of the embedded engine's graph and settings against each other, in turn, in one process.

    python benchmarks/graph_variants.py [--model smollm2-135m | --random-layers 16] [--variants NAME …] [--repeats 9]

A variant is `FORMAT/qkv/SETTING=VALUE,…`: the weight format, `joined` or `apart`, and OpenVINO properties over the usual
ones, for example `int8/joined` or `bf16/apart/KV_CACHE_PRECISION=u8`. Prints for one stream and for 16 the median tokens a
second, the ratio to the first variant taken pair by pair, and the processor time of a token, which a busy machine
disturbs least. This is where the defaults in `engine/openvino/settings.py` come from.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from convert_memory import make_source

from zhinao import hub, machine
from zhinao.engine.openvino import prepare, worker
from zhinao.engine.openvino import settings as openvino_settings
from zhinao.engine.openvino.build import BIN, XML
from zhinao.engine.openvino.settings import Memory
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.openvino import graph

DEFAULT = ["int8/joined", "int8/apart", "bf16/joined", "bf16/apart"]


def open_variant(name: str, checkpoint: Checkpoint, scratch: Path):
    weight_format, qkv, *rest = name.split("/")
    folder = scratch / f"{weight_format}-{qkv}"
    if not folder.exists():
        folder.mkdir()
        graph.write(checkpoint, weight_format, folder / XML, is_qkv_joined=qkv == "joined")
    memory = Memory((folder / BIN).stat().st_size, 2**40)
    found = prepare.products(machine.cpu_features())
    settings = openvino_settings.for_worker(folder, weight_format, 400, 4096, memory, None, False, found)["generate"]
    settings["scheduler"]["enable_prefix_caching"] = False
    settings["properties"] |= dict(pair.split("=") for pair in rest[0].split(",")) if rest else {}
    return worker.Pipeline(str(folder), settings)


def decode(pipeline, prompts: list[list[int]], num_new: int) -> tuple[float, float, float]:
    """Tokens a second and processor milliseconds a token, after all first tokens; prompt tokens a second before."""
    values = {"stop_ids": [], "ignore_eos": True, "do_sample": False, "max_new_tokens": num_new}
    for number, ids in enumerate(prompts):
        pipeline.add(number, ids, pipeline.config(dict(values)))
    waiting, started = set(range(len(prompts))), time.perf_counter()
    while waiting:
        waiting -= {chunk[0] for chunk in pipeline.step()}
    prefill = sum(map(len, prompts)) / (time.perf_counter() - started)
    started, cpu, num_tokens = time.perf_counter(), time.process_time(), 0
    while pipeline.handles:
        num_tokens += sum(len(chunk[1]) for chunk in pipeline.step())
    return num_tokens / (time.perf_counter() - started), 1000 * (time.process_time() - cpu) / num_tokens, prefill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--random-layers", type=int)
    parser.add_argument("--variants", nargs="+", default=DEFAULT)
    parser.add_argument("--streams", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--num-new", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="zhinao-variants-") as scratch:
        folder = Path(scratch) / "random"
        if args.random_layers:
            make_source(folder, args.random_layers)
        else:
            folder = hub.resolve(args.model).path
        checkpoint = Checkpoint(folder)
        variants = {name: open_variant(name, checkpoint, Path(scratch)) for name in args.variants}
        random = np.random.default_rng(0)
        for num_streams in args.streams:
            results: dict[str, list] = {name: [] for name in variants}
            for turn in range(args.repeats + 1):
                prompts = random.integers(0, checkpoint.architecture.vocab_size, (num_streams, 64)).tolist()
                for name, pipeline in list(variants.items())[:: 1 if turn % 2 == 0 else -1]:
                    figures = decode(pipeline, prompts, args.num_new)
                    if turn:  # the first one warms up
                        results[name].append(figures)
            print_table(num_streams, results)


def print_table(num_streams: int, results: dict[str, list]) -> None:
    first = next(iter(results.values()))
    print(f"\n| {num_streams} streams | tok/s | ratio to the first (least … most) | CPU ms a token | prompt tok/s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, rows in results.items():
        ratios = sorted(a[0] / b[0] for a, b in zip(rows, first, strict=True))
        speed, cpu, prefill = (statistics.median(row[n] for row in rows) for n in (0, 1, 2))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f})"
        print(f"| {name} | {speed:.1f} | {spread} | {cpu:.2f} | {prefill:.0f} |")


if __name__ == "__main__":
    main()
