"""What one client can do to others: `/health` and other clients' streams while each attack of one client runs.

    python benchmarks/attacks.py [--only NAME …] [--seconds 20] [--model smollm2-135m] [--json FILE]

Starts `zhinao serve` itself, on this machine only. The attacker (`attack_clients.py`) is a process of its own; the others ask from
another address: one stream that ran before, and newcomers one after the other. The attack `nothing` is what the machine does by itself.
Exit code 1 where `/health` took longer than `--health` seconds, a stream stood still for longer than `--gap`, or a newcomer waited
for its first token for longer than `--first`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from attack_clients import ATTACKS
from serve_process import ServerProcess, has_text

OTHER = "127.0.0.2"  # the address of the other clients
STREAM = {"max_tokens": 7_000, "ignore_eos": True, "stream": True}


@dataclass
class Seen:
    """In seconds. `first` are the newcomers' waits for their first token, None where they got another answer."""

    health: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    new_gaps: list[float] = field(default_factory=list)
    first: list[float | None] = field(default_factory=list)


class Others:
    """The other clients, each in a thread."""

    def __init__(self, url: str, ends: float):
        self.url, self.ends, self.seen = url, ends, Seen()
        self.has_begun = threading.Event()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, transport=httpx.HTTPTransport(local_address=OTHER))

    def look(self) -> None:
        with self.client() as client:
            while time.monotonic() < self.ends:
                started = time.monotonic()
                client.get("/health")
                self.seen.health.append(time.monotonic() - started)
                time.sleep(0.05)

    def stay(self) -> None:
        with self.client() as client:
            while time.monotonic() < self.ends:
                self._stream(client, 7_000, "gaps")

    def come(self) -> None:
        self.has_begun.wait(60)
        with self.client() as client:
            while time.monotonic() < self.ends:
                self.seen.first.append(self._stream(client, 20, "new_gaps"))

    def _stream(self, client: httpx.Client, num_tokens: int, gaps: str) -> float | None:
        """The wait for the first token; what is between the following ones goes to `gaps`."""
        body = {"messages": [{"role": "user", "content": "Tell a story."}], **STREAM, "max_tokens": num_tokens}
        started, last, first = time.monotonic(), None, None
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for line in answer.iter_lines():
                if not has_text(line):
                    continue
                now = time.monotonic()
                if last is None:
                    first = now - started
                else:
                    getattr(self.seen, gaps).append(now - last)
                last = now
                self.has_begun.set()
                if now > self.ends:
                    break
        return first


def run(name: str, args: argparse.Namespace) -> dict:
    words = [sys.executable, "-m", "zhinao", "serve", args.model, "--port", "{port}", "--lang", "en"]
    with tempfile.TemporaryDirectory() as folder:
        process = ServerProcess(words, Path(folder) / "log")
        try:
            return _measured(name, args, process)
        finally:
            process.stop()


def _measured(name: str, args: argparse.Namespace, process: ServerProcess) -> dict:
    ready(process.url)
    others = Others(process.url, time.monotonic() + 3600)
    threads = [threading.Thread(target=work, daemon=True) for work in (others.stay, others.look, others.come)]
    for thread in threads:
        thread.start()
    others.has_begun.wait(60)
    time.sleep(1)
    others.seen = Seen()  # what was before the attack is not its doing
    others.ends = time.monotonic() + args.seconds
    script = Path(__file__).with_name("attack_clients.py")
    attack = subprocess.run(
        [sys.executable, str(script), name, process.url, str(args.seconds)], capture_output=True, text=True
    )
    for thread in threads:
        thread.join(90)
    seen, memory = others.seen, psutil.Process(process.process.pid).memory_info().rss
    return {
        "attack": name,
        "answers": attack.stdout.strip() or attack.stderr[-300:],
        "health_max": max(seen.health),
        "health_99": sorted(seen.health)[int(0.99 * len(seen.health))],
        "gap_max": max(seen.gaps, default=None),
        "num_tokens": len(seen.gaps),
        "new_first": seen.first,
        "new_gap_max": max(seen.new_gaps, default=None),
        "server_mb": memory / 1e6,
        "load": os.getloadavg()[0],
        "stopped": stopped(process),
    }


def ready(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(url + "/health").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not come")


def stopped(process: ServerProcess) -> float | None:
    """Seconds until it has gone after two signals; None where it has not within 20."""
    started = time.monotonic()
    process.process.terminate()
    time.sleep(0.2)
    process.process.terminate()
    try:
        process.process.wait(20)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - started


def is_good(result: dict, args: argparse.Namespace) -> bool:
    gaps = [gap for gap in (result["gap_max"], result["new_gap_max"]) if gap is not None]
    firsts = result["new_first"]
    is_served = bool(gaps and firsts) and None not in firsts
    return (
        is_served
        and max(firsts) <= args.first
        and result["health_max"] <= args.health
        and max(gaps) <= args.gap
        and result["stopped"] is not None
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--health", type=float, default=0.2)
    parser.add_argument("--gap", type=float, default=1.0)
    parser.add_argument("--first", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = []
    for name in args.only:
        results.append(run(name, args))
        print(row(results[-1], is_good(results[-1], args)), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    return 0 if all(is_good(result, args) for result in results) else 1


def row(result: dict, good: bool) -> str:
    def seconds(value: float | None) -> str:
        return "—" if value is None else f"{value:.2f}"

    firsts = [one for one in result["new_first"] if one is not None]
    first = f"{len(firsts)}/{len(result['new_first'])} {seconds(max(firsts, default=None))}"
    return (
        f"{'ok ' if good else 'BAD'} {result['attack']:15} health {seconds(result['health_99'])} max {seconds(result['health_max'])}"
        f" · stream: {result['num_tokens']} tokens, gap {seconds(result['gap_max'])} · newcomers: {first}, gap {seconds(result['new_gap_max'])}"
        f" · {result['server_mb']:.0f} MB · left after {seconds(result['stopped'])} · load {result['load']:.1f} · {result['answers']}"
    )


if __name__ == "__main__":
    sys.exit(main())
