"""One client that means harm, as a process: `python benchmarks/attack_clients.py NAME URL SECONDS`. What it does is in `ATTACKS`.

It asks from 127.0.0.1 only, and only a server that was started for it (`attacks.py`).
"""

import contextlib
import json
import random
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

HI = {"messages": [{"role": "user", "content": "hi"}]}
ENDLESS = {"max_tokens": 4000, "ignore_eos": True, "stream": True}
AMBIGUOUS = 'root ::= "{n}" x\nx ::= x x x | x x | [a-z ]+'
DOUBLING = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)} | {"a60": {"type": "string"}}


class Attacker:
    """`post` sends and reads; with `reads=False` the connection stays open and nothing is read; `leave` closes it early."""

    def __init__(self, url: str, seconds: float):
        parts = urlsplit(url)
        self.place, self.ends = (parts.hostname, parts.port), time.monotonic() + seconds
        self.kept: list[socket.socket] = []
        self.statuses: dict[str, int] = {}

    def goes_on(self) -> bool:
        return time.monotonic() < self.ends

    def connect(self, small: bool = False) -> socket.socket:
        line = socket.socket()
        if small:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(max(0.5, self.ends - time.monotonic()))
        line.connect(self.place)
        return line

    def post(self, path: str, body: dict | bytes, reads: bool = True, leave: float = 0.0) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
        with contextlib.suppress(OSError):
            line = self.connect(small=not reads)
            line.sendall(head.encode() + data)
            if not reads:
                self.kept.append(line)
                return
            if leave:
                time.sleep(leave)
            else:
                status = line.recv(65_536)[9:12].decode(errors="replace")
                self.statuses[status] = self.statuses.get(status, 0) + 1
                while line.recv(1_000_000):
                    pass
            line.close()

    def together(self, num: int, work) -> None:
        """`work(n)` again and again in so many threads, until the time is over."""

        def run(n: int) -> None:
            while self.goes_on():
                work(n)

        threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(num)]
        for thread in threads:
            thread.start()
        while self.goes_on() and any(thread.is_alive() for thread in threads):
            time.sleep(0.1)


def _prompts() -> dict:
    draw = random.Random(time.monotonic())
    return {"prompt": [[draw.randrange(100, 40_000) for _ in range(7_000)] for _ in range(4)], "n": 64, **ENDLESS}


def nothing(a: Attacker) -> None:
    time.sleep(a.ends - time.monotonic())


def sequences(a: Attacker) -> None:
    a.together(2, lambda n: a.post("/v1/completions", _prompts()))


def left_behind(a: Attacker) -> None:
    a.together(4, lambda n: a.post("/v1/completions", _prompts(), leave=0.3))


def flood(a: Attacker) -> None:
    a.together(400, lambda n: a.post("/v1/chat/completions", HI | ENDLESS))


def slow_grammar(a: Attacker) -> None:
    def work(n: int) -> None:
        form = AMBIGUOUS.format(n=random.random())
        a.post("/v1/completions", {"prompt": "x", "structured_outputs": {"grammar": form}, **ENDLESS, "n": 32})

    a.together(4, work)


def growing_grammar(a: Attacker) -> None:
    form = "root ::= x\nx ::= [a-z ] x [a-z ] | [a-z ] | [a-z ] [a-z ]"
    a.together(2, lambda n: a.post("/v1/completions", {"prompt": "x", "guided_grammar": form, **ENDLESS, "n": 32}))


def heavy_schema(a: Attacker) -> None:
    form = {"type": "string", "maxLength": 4000}
    a.together(2, lambda n: a.post("/v1/completions", {"prompt": "x", "guided_json": form, **ENDLESS, "n": 32}))


def endless_schema(a: Attacker) -> None:
    def work(n: int) -> None:
        backtracks = {
            "patternProperties": {"^" + "(a*)*" * 15 + "$": {}},
            "properties": {"a" * 30 + str(time.time()): {}},
        }
        doubles = {"$defs": DOUBLING, "$ref": "#/$defs/a0", "title": str(time.time())}
        a.post("/v1/completions", {"prompt": "x", "guided_json": (backtracks, doubles)[n % 2], "max_tokens": 5})

    a.together(8, work)


def large_bodies(a: Attacker) -> None:
    bodies = [
        ("/tokenize", {"prompt": "word " * 1_400_000}),
        ("/v1/chat/completions", {"messages": HI["messages"] * 150_000}),
        ("/v1/chat/completions", {**HI, "tools": [{"type": "function", "function": {"name": "f"}}] * 30_000}),
        ("/v1/chat/completions", {**HI, "stop": ["x"] * 500_000}),
        ("/v1/completions", {"prompt": [7] * 2_000_000}),
    ]
    sent = [(path, json.dumps(body).encode()) for path, body in bodies]
    a.together(5, lambda n: a.post(*sent[n]))


def large_heads(a: Attacker) -> None:
    def work(n: int) -> None:
        with contextlib.suppress(OSError), a.connect() as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 8_000_000)

    a.together(4, work)


def no_reading(a: Attacker) -> None:
    """A stream that nobody reads, with the likelihoods of all tokens, which make it long."""
    for _ in range(200):
        a.post("/v1/chat/completions", {**HI, **ENDLESS, "logprobs": True}, reads=False)
    nothing(a)


def trickling(a: Attacker) -> None:
    for _ in range(100):
        a.post("/v1/chat/completions", {**HI, **ENDLESS, "logprobs": True}, reads=False)
    while a.goes_on():
        for line in a.kept:
            with contextlib.suppress(OSError):
                line.setblocking(False)
                line.recv(1)
        time.sleep(0.5)


def connections(a: Attacker) -> None:
    """As many as the system gives, each with half a head."""
    with contextlib.suppress(OSError):
        while len(a.kept) < 900:
            a.kept.append(a.connect())
            a.kept[-1].sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-")
    nothing(a)


def scores(a: Attacker) -> None:
    body = {"prompt": [[7, 9, 11] * 1500] * 8, "echo": True, "logprobs": 1, "max_tokens": 0}
    a.together(8, lambda n: a.post("/v1/completions", body))


ATTACKS = {
    work.__name__: work
    for work in (nothing, sequences, left_behind, flood, slow_grammar, growing_grammar, heavy_schema, endless_schema,
                 large_bodies, large_heads, no_reading, trickling, connections, scores)
}  # fmt: skip


def main() -> None:
    name, url, seconds = sys.argv[1:4]
    attacker = Attacker(url, float(seconds))
    ATTACKS[name](attacker)
    print(json.dumps(attacker.statuses), flush=True)


if __name__ == "__main__":
    main()
