"""Decoding speed of one stream: ours against transformers' generate and llama.cpp, same weights, same prompts, one run.

    python benchmarks/decode.py [--model smollm2-135m | --random-layers 16] [--llama-python PATH] [--repeats 7] [--json FILE]

All systems are loaded first; then each prompt goes to each of them in turn, so that a machine that drifts drifts for
all. Medians of tokens a second after the first token, of ratios taken pair by pair, and of the time to the first token.
`--random-layers` makes a random model of 1B shape instead (16 layers: 1.4B weights). `--llama-python` is an interpreter
with llama-cpp-python; its GGUF files are written here from the same checkpoint.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from convert_memory import make_source
from write_gguf import write

from zhinao import hub, machine
from zhinao.model import architecture

CHILD = Path(__file__).with_name("decode_child.py")
SYSTEMS = ("zhinao:int8", "zhinao:bf16", "transformers:bf16", "llama:q8_0", "llama:bf16")
PAIRS = (("zhinao:int8", "llama:q8_0"), ("zhinao:bf16", "llama:bf16"), ("zhinao:bf16", "transformers:bf16"),
         ("zhinao:int8", "transformers:bf16"))  # fmt: skip


class System:
    """One loaded system in a process of its own."""

    def __init__(self, name: str, python: str, model: Path, num_threads: int):
        kind, precision = name.split(":")
        words = [python, str(CHILD), kind, str(model), precision, str(num_threads)]
        self.name = name
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read() == "ready"

    def ask(self, ids: list[int], num_new: int) -> dict:
        """Tokens a second after the first one, seconds to the first one, ids."""
        self.process.stdin.write(json.dumps({"ids": ids, "num_new": num_new}) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        times = answer["times"]
        assert len(times) == num_new, f"{self.name} gave {len(times)} tokens"
        return {"speed": (num_new - 1) / (times[-1] - times[0]), "first": times[0], "ids": answer["ids"]}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with code {self.process.wait()}")
        return json.loads(line)


def measure(systems: list[System], turns: list[list[list[int]]], num_new: int) -> dict[str, list[dict]]:
    """Every prompt is new, so that no prefix cache helps; the order of the systems turns round each time."""
    for system in systems:
        system.ask(turns[0][0][::-1], 8)
    results: dict[str, list[dict]] = {system.name: [] for system in systems}
    for number, prompts in enumerate(turns):
        for prompt in prompts:
            for system in systems[:: 1 if number % 2 == 0 else -1]:
                results[system.name].append(system.ask(prompt, num_new))
    return results


def print_table(results: dict[str, list[dict]], num_new: int) -> None:
    print("| system | tok/s, median (least … most) | first token, ms | same ids as the first system |")
    print("| --- | ---: | ---: | ---: |")
    first = next(iter(results.values()))
    for name, rows in results.items():
        speeds = sorted(row["speed"] for row in rows)
        same = [next((n for n, (a, b) in enumerate(zip(r["ids"], f["ids"], strict=True)) if a != b), num_new)
                for r, f in zip(rows, first, strict=True)]  # fmt: skip
        spread = f"{statistics.median(speeds):.1f} ({speeds[0]:.1f} … {speeds[-1]:.1f})"
        delay = 1000 * statistics.median(row["first"] for row in rows)
        print(f"| {name} | {spread} | {delay:.0f} | {statistics.mean(same):.0f} of {num_new} |")
    print("\n| pair | ratio, median (least … most) |")
    print("| --- | ---: |")
    for a, b in PAIRS:
        if a in results and b in results:
            ratios = sorted(x["speed"] / y["speed"] for x, y in zip(results[a], results[b], strict=True))
            print(f"| {a} / {b} | {statistics.median(ratios):.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--random-layers", type=int)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--llama-python")
    parser.add_argument("--num-prompts", type=int, default=3)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--num-new", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=machine.num_cores())
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="zhinao-decode-") as scratch:
        folder = Path(scratch) / "random"
        if args.random_layers:
            make_source(folder, args.random_layers)
        else:
            folder = hub.resolve(args.model).path
        vocab_size = architecture.read(folder).vocab_size
        random = np.random.default_rng(0)
        turns = random.integers(0, vocab_size, (args.repeats, args.num_prompts, args.prompt_tokens)).tolist()
        systems = []
        for name in args.systems:
            model, python = folder, sys.executable
            if name.startswith("llama:"):
                if not args.llama_python:
                    continue
                python, kind = args.llama_python, name.split(":")[1]
                model = Path(scratch) / f"{kind}.gguf"
                write(folder, model, kind)
            systems.append(System(name, python, model, args.threads))
        results = measure(systems, turns, args.num_new)
        for system in systems:
            system.close()
    print_table(results, args.num_new)
    if args.json:
        args.json.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
