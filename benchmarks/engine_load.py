"""The embedded engine without server, text or pipe: its pipeline stepped in this very process, under the load of `serve_load.py`.

    python benchmarks/engine_load.py [--model smollm2-135m] [--quant int8] [--levels 1 8 32] [--rounds 3] [--json]

Same settings, same prompts, same counts as a server's measurement: what a server loses against this is its own. Prints
tokens a second (prompts included, as for a server), or with `--json` one line a round.
"""

import argparse
import json
import os
import statistics
import sys
import time

from serve_prompts import Prompts

from zhinao import hub, machine
from zhinao.engine.openvino import child
from zhinao.engine.openvino.prepare import prepare
from zhinao.engine.openvino.worker import Pipeline
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt import conversation


def run(pipeline: Pipeline, prompts: list[list[int]], num_new: int) -> dict:
    """All prompts at once. Tokens a second, and milliseconds to the last of the first tokens."""
    values = {"stop_ids": [], "ignore_eos": True, "do_sample": False, "max_new_tokens": num_new}
    started, first = time.perf_counter(), 0.0
    for number, ids in enumerate(prompts):
        pipeline.add(number, ids, pipeline.config(dict(values)))
    waiting, num_tokens = set(range(len(prompts))), 0
    while pipeline.handles:
        for number, ids, *_ in pipeline.step():
            num_tokens += len(ids)
            if number in waiting:
                waiting.discard(number)
                first = time.perf_counter() - started
    seconds = time.perf_counter() - started
    assert num_tokens == len(prompts) * num_new, f"{num_tokens} tokens came"
    return {"tokens_per_second": num_tokens / seconds, "first_ms": 1000 * first}


def rounds(args: argparse.Namespace):
    """One dict a round: level -> what `run` found (the median of the single ones)."""
    folder = hub.resolve(args.model).path
    settings = prepare(folder, args.quant, args.threads, None, None, False, is_for_many=True).settings
    pipeline = Pipeline(settings["folder"], settings["generate"])
    tokenizer = Tokenizer.load(folder)
    prompts = Prompts(tokenizer, args.seed)

    def some(count: int) -> list[list[int]]:
        return [conversation.render(prompts.conversation(args.prompt_tokens), tokenizer).ids for _ in range(count)]

    run(pipeline, some(min(8, max(args.levels))), 8)
    for _ in range(args.rounds):
        found = {}
        for level in args.levels:
            repeats = args.singles if level == 1 else 1
            done = [run(pipeline, some(level), args.num_new) for _ in range(repeats)]
            found[level] = {name: statistics.median(each[name] for each in done) for name in done[0]}
        yield found


def main() -> None:
    if not set(child.ENVIRONMENT) <= set(os.environ):  # as the engine's own process has it
        os.execve(sys.executable, [sys.executable, *sys.argv], {**child.ENVIRONMENT, **os.environ})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--quant", default="int8")
    parser.add_argument("--threads", type=int, default=machine.num_cores())
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--num-new", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--singles", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    all_rounds = []
    for found in rounds(args):
        all_rounds.append(found)
        if args.json:
            print(json.dumps(found), flush=True)
    for level in () if args.json else args.levels:
        speeds = sorted(found[level]["tokens_per_second"] for found in all_rounds)
        print(f"{level} at once: {statistics.median(speeds):.1f} tok/s ({speeds[0]:.1f} … {speeds[-1]:.1f})")


if __name__ == "__main__":
    main()
