"""Half an hour of many unruly clients on our server, its engine killed twice: nothing may hang, cross or grow.

    python benchmarks/soak.py [--minutes 30] [--clients 64] [--model smollm2-135m] [--json FILE]

Starts `zhinao serve` itself. Clients ask for random lengths, streamed or not; 20 % leave early, 5 % send something bad
(`soak_requests.py`). At one third and two thirds of the time the engine's process is killed with signal 9. Exit code 1 if
- a request is neither answered nor refused within `--bound` seconds, or a stream ends without its end;
- an answer carries the mark of another request, breaks its constraint, or a bad request is not refused with 4xx;
- a request meets a dead engine at another time than `--restart-seconds` after a kill, or no answer follows a kill;
- memory grows, after `--warm` of the time, by more than `--max-slope` MB a minute (the server's process, and the last engine
  and grammar processes, each from its own warm-up on; not judged under five minutes, where start and noise are everything);
- afterwards a request still runs in the server, or it does not end by itself at SIGTERM.
"""

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import psutil
import uvloop
from serve_client import Server
from serve_process import ServerProcess
from soak_requests import ANSWERED, ENGINE_DIED, FINE, RESTARTING, Request, Requests, judge

MODEL_NAME = "soak"
ENGINE, GRAMMAR = "openvino.worker", "openvino.grammar_worker"  # the server's processes, by their modules
FEWEST_MINUTES = 5  # for a judgement of memory


class Soak:
    """The run: clients, killer and memory watch side by side; what they saw."""

    def __init__(self, args: argparse.Namespace, process: ServerProcess):
        self.args, self.process, self.server = args, process, Server(process.url)
        self.requests: Requests | None = None
        self.began = self.ends = 0.0
        self.counts: Counter[str] = Counter()
        self.wrong: list[tuple[str, str]] = []
        self.latencies: list[float] = []
        self.kills: list[float] = []
        self.recoveries: list[float] = []
        self.memory: dict[str, list[tuple[float, float]]] = defaultdict(list)  # process -> (minutes, MB)
        self.last: dict[str, str] = {}  # kind of process -> the last one's name in `memory`

    async def run(self) -> None:
        hello = {"model": MODEL_NAME, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": True}
        started = await self.process.wait(hello, self.args.bound)
        print(f"first token {started:.1f} s after the start", file=sys.stderr)
        card = (await self.server.ask("/v1/models")).json()["data"][0]
        self.requests = Requests(MODEL_NAME, card["max_model_len"], self.args.seed, num_marks=2 * self.args.clients)
        self.began = time.perf_counter()
        self.ends = self.began + 60 * self.args.minutes
        watch = asyncio.create_task(self._watch())
        kills = asyncio.create_task(self._kill())
        await asyncio.gather(*(self._client() for _ in range(self.args.clients)))
        for task in (watch, kills):
            task.cancel()
        await self._afterwards()

    async def _client(self) -> None:
        while self._goes_on():
            request = self.requests.next()
            answer = await self.server.ask(
                "/v1/chat/completions", request.body, timeout=self.args.bound, leave_at=request.leave_at
            )
            self.requests.done(request)
            self._count(request, *judge(request, answer), answer)
            if answer.status in (429, 503):
                await asyncio.sleep(self.requests.random.uniform(0.1, 1))  # as a polite client; sooner than Retry-After

    def _goes_on(self) -> bool:
        """Until the time is over and an answer has followed each kill; for that it waits no longer than `--bound`."""
        late = time.perf_counter() - self.ends
        return late < 0 or (len(self.recoveries) < self.args.kills and late < self.args.bound)

    def _count(self, request: Request, what: str, words: str, answer) -> None:
        since_kill = time.perf_counter() - self.kills[-1] if self.kills else float("inf")
        if what in (ENGINE_DIED, RESTARTING) and since_kill > self.args.restart_seconds:
            what, words = f"{what}, but nobody killed it", repr(answer.raw[-300:])
        self.counts[what] += 1
        if what not in FINE:
            self.wrong.append((what, words))
            print(f"{what}: {words}", file=sys.stderr)
        if what == ANSWERED:
            self.latencies.append(answer.ended - answer.sent)
            if len(self.recoveries) < len(self.kills) and answer.sent > self.kills[-1]:
                self.recoveries.append(answer.ended - self.kills[-1])

    def _child(self, module: str) -> psutil.Process | None:
        for child in self.process.tree.root.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if f"zhinao.engine.{module}" in child.cmdline():
                    return child
        return None

    async def _kill(self) -> None:
        for n in range(self.args.kills):
            await asyncio.sleep(max(0.0, self._at((n + 1) / (self.args.kills + 1)) - time.perf_counter()))
            while len(self.recoveries) < n or not (engine := self._child(ENGINE)):
                await asyncio.sleep(0.1)
            self.kills.append(time.perf_counter())
            engine.kill()
            print(f"engine process {engine.pid} killed", file=sys.stderr)

    def _at(self, share: float) -> float:
        return self.began + share * (self.ends - self.began)

    async def _watch(self) -> None:
        while True:
            minutes = (time.perf_counter() - self.began) / 60
            self._note("server", self.process.process.pid, minutes)
            for module in (ENGINE, GRAMMAR):
                if child := self._child(module):
                    self._note(module, child.pid, minutes)
            await asyncio.sleep(2)

    def _note(self, kind: str, pid: int, minutes: float) -> None:
        self.last[kind] = name = f"{kind} (process {pid})"
        with contextlib.suppress(psutil.NoSuchProcess):
            self.memory[name].append((minutes, psutil.Process(pid).memory_info().rss / 1e6))

    async def _afterwards(self) -> None:
        """The server forgets all clients, and ends when it is asked to."""
        num_running = 0
        for _ in range(100):
            metrics = (await self.server.ask("/metrics", timeout=30)).body().decode()
            found = re.findall(r"^vllm:num_requests_(?:running|waiting)\S* (\S+)", metrics, re.MULTILINE)
            num_running = sum(map(float, found))
            if found and not num_running:
                break
            await asyncio.sleep(0.1)
        if num_running or not found:
            self.wrong.append(("still running", f"{num_running:.0f} requests 10 s after the last client left"))
        self.process.process.terminate()
        try:
            code = await asyncio.to_thread(self.process.process.wait, 60)
            if code != 0:
                self.wrong.append(("exit code", str(code)))
        except Exception as error:
            self.wrong.append(("does not end at SIGTERM", str(error)))

    def slopes(self) -> dict[str, tuple[float, float, float]]:
        """Process -> MB at the first and last judged sample (medians of five), and MB a minute by least squares."""
        found = {}
        for name in self.last.values():
            rows = self.memory[name]
            begin = rows[0][0] + self.args.warm * (rows[-1][0] - rows[0][0])
            judged = [row for row in rows if row[0] >= begin]
            if len(judged) >= 10:
                first, last = (statistics.median(mb for _, mb in part) for part in (judged[:5], judged[-5:]))
                found[name] = first, last, statistics.linear_regression(*zip(*judged, strict=True)).slope
        return found

    def judge_whole(self) -> None:
        """What only the end tells: recovery from every kill, and memory."""
        if len(self.recoveries) < self.args.kills:
            self.wrong.append(("no answer after a kill", f"{self.args.kills} kills, {len(self.recoveries)} recoveries"))
        for name, (_, _, slope) in self.slopes().items() if self.args.minutes >= FEWEST_MINUTES else ():
            if slope > self.args.max_slope:
                self.wrong.append(("memory grows", f"{name}: {slope:.2f} MB a minute"))


def print_report(soak: Soak) -> None:
    args = soak.args
    print(f"| soak: {args.minutes:g} minutes, {args.clients} clients | requests |\n| --- | ---: |")
    for what, count in soak.counts.most_common():
        print(f"| {what} | {count} |")
    print(f"| all | {soak.counts.total()} |")
    if soak.latencies:
        quantiles = statistics.quantiles(soak.latencies, n=100) if len(soak.latencies) > 1 else soak.latencies * 99
        print(f"\nanswers: p50 {quantiles[49]:.1f} s, p95 {quantiles[94]:.1f} s, longest {max(soak.latencies):.1f} s")
    recovered = ", ".join(f"{seconds:.1f} s" for seconds in soak.recoveries)
    print(f"engine killed {len(soak.kills)} times; from the kill to the next whole answer: {recovered or '–'}")
    is_judged = f"bound {args.max_slope} MB" if args.minutes >= FEWEST_MINUTES else "too short to be judged"
    for name, (first, last, slope) in soak.slopes().items():
        print(f"memory of {name}, after warm-up: {first:.0f} → {last:.0f} MB, {slope:+.2f} MB a minute ({is_judged})")
    for what, count in Counter(what for what, _ in soak.wrong).most_common():
        print(f"WRONG: {what}, {count} times; the first: {next(words for w, words in soak.wrong if w == what)}")
    print("nothing wrong" if not soak.wrong else f"{len(soak.wrong)} things wrong")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--minutes", type=float, default=30)
    add("--clients", type=int, default=64)
    add("--model", default="smollm2-135m")
    add("--kills", type=int, default=2)
    add("--bound", type=float, default=120, help="seconds in which a request must be answered or refused")
    add("--restart-seconds", type=float, default=60, help="how long after a kill an error of the engine is right")
    add("--warm", type=float, default=0.3, help="share of a process's life that is not judged for memory")
    add("--max-slope", type=float, default=1.0, help="MB a minute")
    add("--cache-gb", type=float, default=1.0, help="small, so that the cache is soon touched as a whole")
    add("--max-running", type=int, default=32)
    add("--max-queued", type=int, default=24, help="few enough that some clients meet a full queue")
    add("--seed", type=int, default=0)
    add("--json", type=Path)
    args = parser.parse_args()
    words = [sys.executable, "-m", "zhinao", "serve", args.model, "--offline", "--port", "{port}", "--lang", "en"]
    words += ["--served-model-name", MODEL_NAME, "--cache-gb", str(args.cache_gb)]
    words += ["--max-running", str(args.max_running), "--max-queued", str(args.max_queued)]
    with tempfile.TemporaryDirectory(prefix="zhinao-soak-") as scratch:
        process = ServerProcess(words, Path(scratch) / "server.log")
        soak = Soak(args, process)
        try:
            uvloop.run(soak.run())
        finally:
            process.stop()
    soak.judge_whole()
    print_report(soak)
    if args.json:
        found = {"counts": soak.counts, "wrong": soak.wrong, "memory": soak.memory, "recoveries": soak.recoveries}
        args.json.write_text(json.dumps(found) + "\n")
    return int(bool(soak.wrong))


if __name__ == "__main__":
    sys.exit(main())
