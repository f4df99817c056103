"""Load on an OpenAI-compatible server: N clients stream chat answers at the same time; speed, delays, cost.

    python benchmarks/serve_load.py --url http://127.0.0.1:8360 [--tokenizer smollm2-135m] [--pid SERVER] [--json FILE]

Prompts of `--prompt-tokens` differ from the first token on; every answer has exactly `--num-new` tokens, greedily, by
`ignore_eos`; both counts are checked by the server's own usage. A round is one wave: as many requests as clients, all
sent at once (at one client `--singles` requests, one after the other). With `--pid`, the root of the server's processes,
processor time a token and peak memory are told too.

A wave is cut off after `--most-seconds`: a server that answers one after the other would take many minutes. Then what came
until there counts (a chunk as a token), delays of answers that never began count as the whole time, and the row says so.

The client keeps bytes and times while a wave runs and parses them afterwards; `client` is what it cost the same
processor, `others` how many cores foreign processes used meanwhile: above 0.1 the figures are not to be trusted.
"""

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import uvloop
from serve_client import Answer, Server
from serve_process import Tree, has_text
from serve_prompts import Prompts

from zhinao import hub
from zhinao.model.tokenizer import Tokenizer

LEVELS = (1, 8, 32)
# Fields beyond OpenAI's that a server knows. `plain` servers refuse them and count without being asked.
DIALECTS = {"full": {"ignore_eos": True, "stream_options": {"include_usage": True}}, "plain": {}}


@dataclass(frozen=True)
class Timing:
    """One answer. Seconds; `per_token` is the mean time of a token after the first one. `num_prompt` None: cut off."""

    num_prompt: int | None
    num_new: int
    first: float
    per_token: float
    begin: float
    end: float


@dataclass(frozen=True)
class Wave:
    """One round at one level. Processor milliseconds are those of a new token; memory in bytes, None where no pid is known."""

    level: int
    answers: list[Timing]
    seconds: float
    server_ms: float | None
    client_ms: float
    other_cores: float
    peak_bytes: int | None

    @property
    def num_new(self) -> int:
        return sum(answer.num_new for answer in self.answers)

    @property
    def is_cut_off(self) -> bool:
        return any(answer.num_prompt is None for answer in self.answers)

    @property
    def speed(self) -> float:
        return self.num_new / self.seconds


def body(messages: list[dict], model: str, num_new: int, dialect: str) -> dict:
    return {
        "model": model,
        "messages": messages,
        "max_tokens": num_new,
        "temperature": 0,
        "stream": True,
        **DIALECTS[dialect],
    }


def read(answer: Answer) -> Timing:
    """Raises SystemExit where the server did not answer, or did not count."""
    events = [(moment, data) for moment, data in answer.events() if data != "[DONE]"]
    text_times = [moment for moment, data in events if has_text(data)]
    if answer.failure == "timeout":
        first, last = (text_times[0], text_times[-1]) if text_times else (answer.ended, answer.ended)
        per_token = (last - first) / max(len(text_times) - 1, 1)
        return Timing(None, len(text_times), first - answer.sent, per_token, answer.sent, answer.ended)
    usage = next((found for _, data in reversed(events) if (found := json.loads(data).get("usage"))), None)
    if answer.status != 200 or answer.failure or not usage or len(text_times) < 2:
        raise SystemExit(f"no countable answer: {answer.failure or answer.status}: {answer.raw[-600:]!r}")
    num_new = usage["completion_tokens"]
    first, last = text_times[0], text_times[-1]
    per_token = (last - first) / max(num_new - 1, 1)
    return Timing(usage["prompt_tokens"], num_new, first - answer.sent, per_token, answer.sent, answer.ended)


async def wave(server: Server, bodies: list[dict], level: int, tree: Tree | None, most_seconds: float) -> Wave:
    """Send all bodies, `level` of them at a time."""
    gate = asyncio.Semaphore(level)

    async def one(content: bytes) -> Answer:
        async with gate:
            return await server.ask("/v1/chat/completions", content, timeout=most_seconds)

    contents = [json.dumps(each).encode() for each in bodies]
    before = (_busy_seconds(), tree.cpu_seconds() if tree else 0.0, time.process_time(), time.perf_counter())
    answers = await asyncio.gather(*map(one, contents))
    after = (_busy_seconds(), tree.cpu_seconds() if tree else 0.0, time.process_time(), time.perf_counter())
    busy, ours, client, seconds = (b - a for a, b in zip(before, after, strict=True))
    timings = [read(answer) for answer in answers]
    num_new = max(sum(timing.num_new for timing in timings), 1)
    return Wave(
        level,
        timings,
        max(timing.end for timing in timings) - min(timing.begin for timing in timings),
        1000 * ours / num_new if tree else None,
        1000 * client / num_new,
        (busy - ours - client) / seconds,
        tree.resident_bytes("VmHWM") if tree else None,
    )


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


async def measure(
    server: Server, prompts: Prompts, tree: Tree | None, level: int, *, num_prompt: int, num_new: int, model: str,
    dialect: str, singles: int, most_seconds: float,
) -> Wave:  # fmt: skip
    """One wave at `level`, its counts checked. Raises SystemExit where an answer has another length than asked for."""
    num_requests = singles if level == 1 else level
    bodies = [body(prompts.conversation(num_prompt), model, num_new, dialect) for _ in range(num_requests)]
    done = await wave(server, bodies, level, tree, most_seconds)
    if done.is_cut_off:
        return done
    if wrong := {a.num_new for a in done.answers} - {num_new}:
        raise SystemExit(f"answers of {wrong} tokens came instead of {num_new}: does the server know ignore_eos?")
    if wrong := {a.num_prompt for a in done.answers} - {num_prompt}:
        raise SystemExit(f"the server counts {wrong} tokens in prompts of {num_prompt}: is --tokenizer its own?")
    return done


def summary(waves: list[Wave]) -> dict:
    """Medians over rounds; delays over all requests of all rounds, in milliseconds."""
    answers = [answer for each in waves for answer in each.answers]
    firsts = [1000 * answer.first for answer in answers]
    speeds = [each.speed for each in waves]
    return {
        "level": waves[0].level,
        "num_rounds": len(waves),
        "num_requests": len(answers),
        "is_cut_off": any(each.is_cut_off for each in waves),
        "tokens_per_second": statistics.median(speeds),
        "tokens_per_second_range": [min(speeds), max(speeds)],
        "first_ms_p50": percentile(firsts, 50),
        "first_ms_p95": percentile(firsts, 95),
        "per_token_ms_p50": 1000 * statistics.median(answer.per_token for answer in answers),
        "server_cpu_ms_per_token": _median(each.server_ms for each in waves),
        "client_cpu_ms_per_token": statistics.median(each.client_ms for each in waves),
        "other_cores": max(each.other_cores for each in waves),
        "peak_mb": max(each.peak_bytes or 0 for each in waves) / 1e6,
    }


def _median(values) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank: a value that occurred."""
    return sorted(values)[max(0, -(-len(values) * int(percent) // 100) - 1)]


HEADER = """\
| server | clients | rounds | tok/s (least … most) | first token p50 / p95, ms | ms a token | CPU-ms a token | peak MB | client CPU-ms | others, cores |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def row(name: str, s: dict) -> str:
    least, most = s["tokens_per_second_range"]
    cpu = "–" if s["server_cpu_ms_per_token"] is None else f"{s['server_cpu_ms_per_token']:.2f}"
    rounds = f"{s['num_rounds']}, cut off" if s["is_cut_off"] else s["num_rounds"]
    return (
        f"| {name} | {s['level']} | {rounds} | {s['tokens_per_second']:.1f} ({least:.1f} … {most:.1f}) "
        f"| {s['first_ms_p50']:.0f} / {s['first_ms_p95']:.0f} | {s['per_token_ms_p50']:.1f} | {cpu} "
        f"| {s['peak_mb']:.0f} | {s['client_cpu_ms_per_token']:.3f} | {s['other_cores']:.2f} |"
    )


async def model_name(server: Server) -> str:
    """What the server itself calls its model."""
    answer = await server.ask("/v1/models", timeout=30)
    if answer.status != 200:
        raise SystemExit(f"no list of models: {answer.failure or answer.status}")
    return answer.json()["data"][0]["id"]


async def run(args: argparse.Namespace) -> None:
    server, tree = Server(args.url, args.key), Tree(args.pid) if args.pid else None
    prompts = Prompts(Tokenizer.load(hub.resolve(args.tokenizer).path), args.seed)
    model = args.model or await model_name(server)
    rows: dict[int, list[Wave]] = {level: [] for level in args.levels}
    settings = {
        "model": model,
        "dialect": args.dialect,
        "num_prompt": args.prompt_tokens,
        "singles": args.singles,
        "most_seconds": args.most_seconds,
    }
    await measure(server, prompts, tree, min(8, max(args.levels)), **{**settings, "num_new": 8})  # warms caches
    for _ in range(args.rounds):
        for level in args.levels:
            rows[level].append(await measure(server, prompts, tree, level, num_new=args.num_new, **settings))
    print(HEADER)
    for waves in rows.values():
        print(row(args.name or model, summary(waves)))
    if args.json:
        found = {str(n): {**summary(waves), "waves": [asdict(each) for each in waves]} for n, waves in rows.items()}
        args.json.write_text(json.dumps(found) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", help="an API key")
    parser.add_argument("--model", help="the model's name (default: the first of /v1/models)")
    parser.add_argument("--name", help="what the table calls it")
    parser.add_argument("--tokenizer", default="smollm2-135m", help="the model whose tokenizer and chat template count")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--num-new", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--singles", type=int, default=2)
    parser.add_argument("--most-seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dialect", choices=DIALECTS, default="full")
    parser.add_argument("--json", type=Path)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
