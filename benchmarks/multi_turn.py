"""What a second turn costs: time to its first token, against that of the first turn, on a long history.

    python benchmarks/multi_turn.py [--url URL] [--model smollm2-135m] [--history 1500] [--conversations 5] [--json FILE]

Each conversation is new. Its first turn is a prompt of `--history` tokens; the second adds the answer and a short question.
Without `--url` our own server is started. Exit code 1 if the median of the ratios is over `--goal` (1/5).
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import serve_load
import uvloop
from serve_client import Server
from serve_process import ServerProcess
from serve_prompts import Prompts

from zhinao import hub
from zhinao.model.tokenizer import Tokenizer

QUESTION = "And why is that so?"
MODEL_NAME = "turns"


async def turn(server: Server, model: str, messages: list[dict], args) -> tuple[serve_load.Timing, str]:
    """Times of an answer, and its text."""
    body = serve_load.body(messages, model, args.num_new, "full")
    answer = await server.ask("/v1/chat/completions", body)
    chunks = [json.loads(data) for _, data in answer.events() if data != "[DONE]"]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))
    return serve_load.read(answer), text


async def run(args: argparse.Namespace, process: ServerProcess | None) -> list[dict]:
    """One dict a conversation: seconds to the first token of both turns, and tokens of the second prompt."""
    server, prompts = Server(args.url or process.url), Prompts(Tokenizer.load(hub.resolve(args.model).path), args.seed)
    if process:
        await process.wait(serve_load.body([{"role": "user", "content": "Hi"}], MODEL_NAME, 4, "full"), 400)
    model = await serve_load.model_name(server)
    await turn(server, model, prompts.conversation(args.history), args)  # the first use of long shapes
    rows = []
    for _ in range(args.conversations):
        messages = prompts.conversation(args.history)
        first, text = await turn(server, model, messages, args)
        messages += [{"role": "assistant", "content": text or "…"}, {"role": "user", "content": QUESTION}]
        second, _ = await turn(server, model, messages, args)
        rows.append({"first": first.first, "second": second.first, "num_second": second.num_prompt})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--quant", default="int8")
    parser.add_argument("--history", type=int, default=1500)
    parser.add_argument("--num-new", type=int, default=48)
    parser.add_argument("--conversations", type=int, default=5)
    parser.add_argument("--goal", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhinao-turns-") as scratch:
        words = [sys.executable, "-m", "zhinao", "serve", args.model, "--quant", args.quant, "--offline"]
        words += ["--port", "{port}", "--served-model-name", MODEL_NAME]
        process = None if args.url else ServerProcess(words, Path(scratch) / "server.log")
        try:
            rows = uvloop.run(run(args, process))
        finally:
            if process:
                process.stop()
    ratios = sorted(row["second"] / row["first"] for row in rows)
    first, second = (1000 * statistics.median(row[name] for row in rows) for name in ("first", "second"))
    ratio = statistics.median(ratios)
    print("| turn | prompt, tokens | first token, ms (median) |\n| --- | ---: | ---: |")
    print(f"| first | {args.history} | {first:.0f} |")
    print(f"| second | {statistics.median(row['num_second'] for row in rows):.0f} | {second:.0f} |")
    verdict = "reached" if ratio <= args.goal else "missed"
    print(f"\nsecond / first, {len(rows)} conversations: {ratio:.3f} ({ratios[0]:.3f} … {ratios[-1]:.3f}), ", end="")
    print(f"goal {args.goal}: {verdict}")
    if args.json:
        args.json.write_text(json.dumps(rows) + "\n")
    return int(ratio > args.goal)


if __name__ == "__main__":
    sys.exit(main())
