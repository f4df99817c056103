"""Process start to the first printed token of `zhinao chat`, the demo model built before; and where the time goes.

    python benchmarks/cold_start.py [--model smollm2-135m] [--runs 7] [--llama-python PATH --gguf FILE]

Prints medians in seconds and the peak memory of all processes of one run. With llama-cpp-python's interpreter and a GGUF of the
same model, llama.cpp is timed in turn with ours, so that both meet the same machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time

import psutil

PROMPT = "Name three colours."
LLAMA = """
import sys, time
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=2048, verbose=False)
for chunk in model.create_chat_completion([{"role": "user", "content": sys.argv[2]}], max_tokens=8, temperature=0, stream=True):
    if chunk["choices"][0]["delta"].get("content"):
        print(chunk["choices"][0]["delta"]["content"], flush=True)
"""


def first_byte(words: list[str]) -> tuple[float, float, int]:
    """Seconds to the first byte of output, seconds to the end, and the peak of all processes' memory together."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    if not process.stdout.read(1):
        sys.exit(f"no output from {words}")
    first = time.perf_counter() - started
    process.stdout.read()
    if process.wait():
        sys.exit(f"exit code {process.returncode} from {words}")
    return first, time.perf_counter() - started, peak[0]


def watch(pid: int, peak: list[int]) -> None:
    """Memory as the kernel shares it out (PSS), so that pages of both our processes count once."""
    try:
        while True:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            peak[0] = max(peak[0], sum(process.memory_full_info().pss for process in family))
            time.sleep(0.05)
    except psutil.Error:
        return


def stages(model: str) -> dict[str, float]:
    """Seconds of the parts, each alone in a process of its own: they overlap in the real start."""
    parts = {
        "python and the command line": "import zhinao.cli; zhinao.cli.build_parser('chat')",
        "openvino_genai imported": "import openvino_genai",
        "tokenizer loaded": f"from zhinao import hub; from zhinao.model.tokenizer import Tokenizer; "
        f"Tokenizer.load(hub.resolve({model!r}).path)",
        "engine loaded": f"from zhinao import engine, hub; e = engine.open(hub.resolve({model!r}).path); "
        f"e.wait_until_ready(); e.close()",
    }
    return {name: statistics.median(timed(code) for _ in range(3)) for name, code in parts.items()}


def timed(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--llama-python")
    parser.add_argument("--gguf")
    args = parser.parse_args()
    ours = [sys.executable, "-m", "zhinao", "chat", args.model, PROMPT, "--max-tokens", "8", "--temperature", "0"]
    rivals = {"zhinao chat": ours}
    if args.llama_python:
        rivals["llama-cpp-python"] = [args.llama_python, "-c", LLAMA, args.gguf, PROMPT]
    for words in rivals.values():
        first_byte(words)  # builds what is to be built, and warms the disk cache
    rows = {name: [] for name in rivals}
    for _ in range(args.runs):
        for name, words in rivals.items():
            rows[name].append(first_byte(words))
    for name, row in rows.items():
        first, whole, peak = ([run[n] for run in row] for n in range(3))
        print(
            f"{name}: first token {statistics.median(first):.2f} s (from {min(first):.2f} to {max(first):.2f}), "
            f"whole command {statistics.median(whole):.2f} s, peak memory {max(peak) / 1e6:.0f} MB"
        )
    print(json.dumps({name: round(seconds, 2) for name, seconds in stages(args.model).items()}, indent=2))


if __name__ == "__main__":
    main()
