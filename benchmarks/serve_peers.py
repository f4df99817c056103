"""Our server beside llama.cpp's, vLLM's and transformers': same weights, same machine, same load, one after the other.

    python benchmarks/serve_peers.py --llama-server PATH --vllm-python PATH --transformers-python PATH
        [--random-layers 16] [--rounds 3] [--only NAME …] [--quick] [--work DIR] [--json FILE]

`--vllm-python` is an interpreter with vLLM for CPUs, `--transformers-python` one with `transformers[serving]`; a peer that
is not named is left out. In every round each server is started, timed from the start of its process to the first streamed
token, measured at 1, 8 and 32 clients by `serve_load.py`, and stopped; the order turns round each time. One that starts
slower than `--keep-seconds` stays in memory, stopped by a signal while the others have their turn; a level that takes longer
than half of `--most-seconds` is measured in the first round only. The engine alone in process (`engine_load.py`) has its
turns between them.

`--random-layers` measures one client on a random model of 1B shape with that many layers (16: 0.9B weights) instead.
Ratios are taken round by round. `--work` keeps converted models for the next time. Nothing is fetched.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import serve_load
import uvloop
import write_gguf
from convert_memory import make_source
from serve_client import Server
from serve_process import ServerProcess
from serve_prompts import Prompts

from zhinao import hub, machine
from zhinao.model.tokenizer import Tokenizer

ENGINE_LOAD = Path(__file__).with_name("engine_load.py")
OURS = ("zhinao int8", "zhinao bf16")
ENGINES = ("engine alone int8", "engine alone bf16")
LLAMA = ("llama.cpp Q8_0", "llama.cpp BF16")
VLLM, TRANSFORMERS = "vLLM bf16", "transformers bf16"
# (ours, theirs, clients, least ratio that is hoped for)
GOALS = [
    *((OURS[0], LLAMA[0], level, goal) for level, goal in ((1, 1.0), (8, 1.6), (32, 1.6))),
    *((OURS[1], LLAMA[1], level, goal) for level, goal in ((1, 1.0), (8, 1.6), (32, 1.6))),
    *((OURS[1], peer, level, 1.6) for peer in (VLLM, TRANSFORMERS) for level in (8, 32)),
    *((ours, engine, 32, 0.9) for ours, engine in zip(OURS, ENGINES, strict=True)),
]
MODEL_NAME = "bench"
NO_FETCHING = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass
class Rival:
    """A server that can be started; what has been measured of it. `model` is what requests call the model."""

    name: str
    words: list[str]
    env: dict[str, str] = field(default_factory=dict)
    model: str = MODEL_NAME
    dialect: str = "full"
    running: ServerProcess | None = None
    starts: list[float] = field(default_factory=list)
    waves: dict[int, dict[int, serve_load.Wave]] = field(default_factory=dict)  # level -> round -> what was found


def rivals(args: argparse.Namespace, folder: Path, work: Path) -> list[Rival]:
    """Those whose programs were named, on files made from `folder`."""
    threads, context = str(args.threads), args.prompt_tokens + args.num_new + 64
    found = []
    for name in OURS:
        quant = name.split()[1]
        words = [sys.executable, "-m", "zhinao", "serve", str(folder), "--offline", "--engine", "openvino"]
        words += ["--served-model-name", MODEL_NAME]
        found.append(Rival(name, [*words, "--quant", quant, "--threads", threads, "--port", "{port}"]))
    if args.llama_server:
        for name in LLAMA:
            kind = name.split()[1].lower()
            words = [args.llama_server, "-m", str(gguf(folder, kind, work)), "--host", "127.0.0.1", "--port", "{port}"]
            parallel = max(args.levels)
            words += ["-t", threads, "-tb", threads, "-np", str(parallel), "-c", str(parallel * context)]
            found.append(Rival(name, [*words, "--alias", MODEL_NAME, "--offline", "--cache-ram", "0"]))
    if args.vllm_python:
        words = [args.vllm_python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(qwen2(folder, work))]
        words += ["--served-model-name", MODEL_NAME, "--dtype", "bfloat16", "--max-model-len", "2048"]
        words += ["--host", "127.0.0.1", "--port", "{port}"]
        env = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": f"0-{args.threads - 1}"}
        found.append(Rival(VLLM, words + (["--enforce-eager"] if args.vllm_eager else []), env))
    if args.transformers_python:
        endless = without_end(qwen2(folder, work), work)
        words = [str(Path(args.transformers_python).with_name("transformers")), "serve", str(endless)]
        words += ["--device", "cpu", "--dtype", "bfloat16", "--host", "127.0.0.1", "--port", "{port}"]
        if args.transformers_batching:  # left alone, its cache takes nearly all memory
            words += ["--continuous-batching", "--cb-block-size", "256"]
            words += ["--cb-num-blocks", str(max(args.levels) * -(-context // 256) + 8)]
        found.append(Rival(TRANSFORMERS, words, {"OMP_NUM_THREADS": threads}, str(endless), "plain"))
    return found


def gguf(folder: Path, kind: str, work: Path) -> Path:
    out = work / f"{folder.name}-{kind}.gguf"
    if not out.exists():
        write_gguf.write(folder, out.with_suffix(".part"), kind, has_tokenizer=True)
        out.with_suffix(".part").rename(out)
    return out


def qwen2(folder: Path, work: Path) -> Path:
    """The checkpoint in the layout that stock tools read, with a tokenizer configuration that asks for no code."""
    out = work / f"{folder.name}-qwen2"
    if not out.exists():
        words = ["convert", str(folder), "--to", "qwen2", str(out), "--no-prove", "--lang", "en"]
        subprocess.run([sys.executable, "-m", "zhinao", *words], check=True, stdout=subprocess.DEVNULL)
        edit(out / "tokenizer_config.json", lambda config: config.pop("auto_map", None))
    return out


def without_end(folder: Path, work: Path) -> Path:
    """The same model without end tokens: transformers' server knows no `ignore_eos`."""
    out = work / f"{folder.name}-endless"
    if not out.exists():
        shutil.copytree(folder, out)
        for name in ("config.json", "generation_config.json"):
            edit(out / name, lambda config: config.pop("eos_token_id", None))
    return out


def edit(file: Path, change) -> None:
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")


def random_model(num_layers: int, tokenizer_folder: Path, work: Path) -> Path:
    """A random checkpoint of 1B shape that has the vocabulary and the chat template of another model."""
    out = work / f"random-{num_layers}"
    if not out.exists():
        vocab_size = json.loads((tokenizer_folder / "config.json").read_text("utf-8"))["vocab_size"]
        make_source(out, num_layers, vocab_size)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
            shutil.copy(tokenizer_folder / name, out / name)
        special = json.loads((tokenizer_folder / "config.json").read_text("utf-8"))
        ids = {name: special[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        edit(out / "config.json", lambda config: config.update(ids))
    return out


class Contest:
    """The rounds. `limits` are the settings of `serve_load.measure` that do not differ between servers."""

    def __init__(self, args: argparse.Namespace, folder: Path, field: list[Rival], log_folder: Path):
        self.args, self.folder, self.field, self.logs = args, folder, field, log_folder
        self.prompts = Prompts(Tokenizer.load(folder), args.seed)
        self.limits = {"num_prompt": args.prompt_tokens, "singles": args.singles, "most_seconds": args.most_seconds}
        self.engines: dict[str, dict[int, dict[int, float]]] = {name: {} for name in ENGINES}

    async def run(self) -> None:
        try:
            for rival in self.field:  # what is built at a first start is built now
                if rival.name in OURS:
                    await self._start(rival)
                    await self._stop(rival)
                    rival.starts.clear()
            for number in range(self.args.rounds):
                for rival in self.field[:: 1 if number % 2 == 0 else -1]:
                    await self._turn(rival, number)
                for name in ENGINES:
                    if self.args.engine_alone:
                        self._engine_turn(name, number)
        finally:
            for rival in self.field:
                if rival.running:
                    rival.running.stop()

    async def _turn(self, rival: Rival, number: int) -> None:
        is_fresh = not rival.running
        if is_fresh:
            await self._start(rival)
        else:
            rival.running.go_on()
        server = Server(rival.running.url)
        settings = {**self.limits, "model": rival.model, "dialect": rival.dialect}
        tree, warm = rival.running.tree, min(8, max(self.args.levels))
        if is_fresh:  # its caches are cold
            await serve_load.measure(server, self.prompts, tree, warm, **{**settings, "num_new": 4})
        for level in self.args.levels:
            if number == 0 or rival.waves[level][0].seconds < self.args.most_seconds / 2:
                found = await serve_load.measure(
                    server, self.prompts, tree, level, num_new=self.args.num_new, **settings
                )
                rival.waves.setdefault(level, {})[number] = found
                say(f"round {number + 1}, {rival.name}, {level} clients: {found.speed:.1f} tok/s")
        await self._leave(rival)

    async def _start(self, rival: Rival) -> None:
        log = self.logs / f"{rival.name.replace(' ', '-')}.log"
        rival.running = ServerProcess(rival.words, log, {**NO_FETCHING, **rival.env})
        greeting = serve_load.body([{"role": "user", "content": "Hello"}], rival.model, 4, rival.dialect)
        rival.starts.append(await rival.running.wait(greeting, self.args.start_seconds))
        say(f"{rival.name}: first token {rival.starts[-1]:.2f} s after the start")

    async def _leave(self, rival: Rival) -> None:
        if rival.starts[-1] > self.args.keep_seconds:
            rival.running.pause()
        else:
            await self._stop(rival)

    async def _stop(self, rival: Rival) -> None:
        await asyncio.to_thread(rival.running.stop)
        rival.running = None

    def _engine_turn(self, name: str, number: int) -> None:
        a = self.args
        words = [sys.executable, str(ENGINE_LOAD), "--model", str(self.folder), "--quant", name.split()[-1], "--json"]
        words += ["--threads", str(a.threads), "--rounds", "1", "--seed", str(a.seed + 1 + number), "--levels"]
        words += [*map(str, a.levels), "--prompt-tokens", str(a.prompt_tokens), "--num-new", str(a.num_new)]
        run = subprocess.run([*words, "--singles", str(a.singles)], check=True, stdout=subprocess.PIPE, text=True)
        for level, found in json.loads(run.stdout).items():
            self.engines[name].setdefault(int(level), {})[number] = found["tokens_per_second"]
            say(f"round {number + 1}, {name}, {level} at once: {found['tokens_per_second']:.1f} tok/s")

    def speed(self, name: str, level: int) -> dict[int, float]:
        """Round -> tokens a second; empty where it was not measured."""
        if name in self.engines:
            return self.engines[name].get(level, {})
        waves = next((rival.waves for rival in self.field if rival.name == name), {})
        return {number: found.speed for number, found in waves.get(level, {}).items()}


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def print_tables(contest: Contest) -> None:
    print(serve_load.HEADER)
    for level in contest.args.levels:
        for rival in contest.field:
            print(serve_load.row(rival.name, serve_load.summary(list(rival.waves[level].values()))))
        for name in ENGINES:
            if speeds := sorted(contest.speed(name, level).values()):
                middle = f"{statistics.median(speeds):.1f} ({speeds[0]:.1f} … {speeds[-1]:.1f})"
                print(f"| {name}, in process | {level} | {len(speeds)} | {middle} | – | – | – | – | – | – |")
    print("\n| server | process start to first streamed token, s (each start) |\n| --- | ---: |")
    for rival in contest.field:
        each = ", ".join(f"{seconds:.2f}" for seconds in rival.starts)
        print(f"| {rival.name} | {statistics.median(rival.starts):.2f} ({each}) |")
    print("\n| tokens/s, ratio round by round | clients | median (least … most) | goal | |")
    print("| --- | ---: | ---: | ---: | --- |")
    for ours, theirs, level, goal in GOALS:
        if ratios := ratio(contest.speed(ours, level), contest.speed(theirs, level)):
            middle = statistics.median(ratios)
            verdict = "reached" if middle >= goal else "missed"
            print(
                f"| {ours} / {theirs} | {level} | {middle:.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f}) | {goal} | {verdict} |"
            )


def ratio(ours: dict[int, float], theirs: dict[int, float]) -> list[float]:
    """Of the rounds that both have, in order of size."""
    return sorted(ours[number] / theirs[number] for number in ours.keys() & theirs.keys())


def as_json(contest: Contest) -> dict:
    servers = {
        rival.name: {
            "command": rival.words,
            "starts": rival.starts,
            "levels": {level: [asdict(wave) for wave in waves.values()] for level, waves in rival.waves.items()},
            "summary": {level: serve_load.summary(list(waves.values())) for level, waves in rival.waves.items()},
        }
        for rival in contest.field
    }
    return {"servers": servers, "engines": contest.engines, "num_cores": os.cpu_count()}


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", default="smollm2-135m")
    add("--random-layers", type=int)
    add("--llama-server", help="llama.cpp's server program")
    add("--vllm-python", help="an interpreter with vLLM for CPUs")
    add("--vllm-eager", action="store_true", help="start vLLM with --enforce-eager")
    add("--transformers-python", help="an interpreter with transformers[serving]")
    add(
        "--transformers-batching",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start transformers with it",
    )
    add("--only", nargs="+", metavar="NAME", help=f"some of: {', '.join((*OURS, *LLAMA, VLLM, TRANSFORMERS))}")
    add("--no-engine", dest="engine_alone", action="store_false", help="leave the engine alone out")
    add("--levels", type=int, nargs="+")
    add("--prompt-tokens", type=int, default=128)
    add("--num-new", type=int)
    add("--rounds", type=int)
    add("--singles", type=int, default=2, help="requests of a round at one client")
    add("--threads", type=int, default=machine.num_cores())
    add("--most-seconds", type=float, default=45, help="after this a wave is cut off")
    add("--keep-seconds", type=float, default=8)
    add("--start-seconds", type=float, default=400)
    add("--seed", type=int, default=0)
    add("--quick", action="store_true", help="one round of short answers, to see that everything runs")
    add("--work", type=Path, help="where converted models are kept (default: a temporary folder)")
    add("--json", type=Path)
    args = parser.parse_args(words)
    args.levels = args.levels or ([1] if args.random_layers else [1, 4] if args.quick else list(serve_load.LEVELS))
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.num_new = args.num_new or (8 if args.quick else 128)
    return args


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="zhinao-serve-") as scratch:
        work = args.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        folder = hub.resolve(args.model).path
        if args.random_layers:
            folder = random_model(args.random_layers, folder, work)
        field = [rival for rival in rivals(args, folder, work) if not args.only or rival.name in args.only]
        contest = Contest(args, folder, field, work)
        uvloop.run(contest.run())
        print_tables(contest)
        if args.json:
            args.json.write_text(json.dumps(as_json(contest)) + "\n")


if __name__ == "__main__":
    main()
