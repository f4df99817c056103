"""Fine-tuning side by side: the publisher's padding, its `is_concat`, TRL's packing, ours, and documents one by one.

    python benchmarks/finetune_peers.py --data ../shared/data [--model smollm2-135m] [--limit 2048] [--number 300]
        [--rounds 1] [--only WAY …] [--quick] [--json FILE]

Of `--number` multi-turn conversations (`finetune_conversations.py`) two optimizer steps are timed, three packed rows; the same
documents in the same step for every way (`finetune_ways.py`), each with and without gradient checkpointing, each in a process of
its own, one after the other. CPU only. Memory is the process's peak while it trains. About 20 minutes on two cores with the
demo model, half of them for padding. `--quick`: sums instead of real conversations and a limit of 512, for trying out.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).with_name("finetune_ways.py")
WAYS = ("one by one", "padding", "is_concat", "TRL", "zhinao")
OURS = "zhinao"
GOALS = {"padding": 6.0, "TRL": 1.5}  # least ratios of supervised tokens per second, ours to theirs


def run(args: argparse.Namespace, way: str, is_checkpointed: bool) -> dict:
    words = [sys.executable, str(CHILD), way, "--model", args.model, "--limit", str(args.limit)]
    words += ["--number", str(args.number)]
    words += ["--data", str(args.data)] if args.data else []
    words += ["--checkpointing"] if is_checkpointed else []
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(args: argparse.Namespace) -> dict[str, list[dict]]:
    """Runs by name; `+ck` is with gradient checkpointing. The order turns round each time."""
    names = [(way, is_checkpointed) for is_checkpointed in (True, False) for way in args.only]
    found = {name_of(*pair): [] for pair in names}
    for round_ in range(args.rounds):
        for way, is_checkpointed in names if round_ % 2 == 0 else reversed(names):
            name = name_of(way, is_checkpointed)
            found[name].append(run(args, way, is_checkpointed))
            print(f"round {round_ + 1}  {name}: {found[name][-1]}", file=sys.stderr)
    return found


def name_of(way: str, is_checkpointed: bool) -> str:
    return f"{way} +ck" if is_checkpointed else way


def pace(one: dict) -> float:
    return one["supervised"] / one["seconds"]


def table(found: dict[str, list[dict]]) -> str:
    lines = [
        "| way | rows | s | supervised tokens/s | ours is faster | peak memory, GB | training loss | held-out loss |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, runs in found.items():
        ours = found.get(name_of(OURS, name.endswith(" +ck")))
        first, middle = runs[0], statistics.median
        ratio = f"{ratio_of(ours, runs):.2f} x" if ours else ""
        lines.append(
            f"| {name} | {first['rows']} | {middle(one['seconds'] for one in runs):.1f} "
            f"| {middle(map(pace, runs)):.1f} | {ratio} | {middle(one['bytes'] for one in runs) / 1e9:.2f} "
            f"| {' '.join(f'{loss:.4f}' for loss in first['losses'])} | {first['held_out_loss']:.4f} |"
        )
    return "\n".join(lines)


def ratio_of(ours: list[dict], theirs: list[dict]) -> float:
    """Round by round, since the machine is not equally quick all day."""
    return statistics.median(pace(a) / pace(b) for a, b in zip(ours, theirs, strict=True))


def judged(found: dict[str, list[dict]]) -> list[str]:
    """What was hoped for, and what came."""
    sentences = []
    for suffix in (" +ck", ""):
        ours = found.get(OURS + suffix)
        for peer, goal in GOALS.items():
            if ours and (theirs := found.get(peer + suffix)):
                ratio = ratio_of(ours, theirs)
                sentences.append(f"{'met ' if ratio >= goal else 'MISSED'} {goal} x {peer}{suffix}: {ratio:.2f} x")
        if ours and (alone := found.get("one by one" + suffix)):
            apart = ours[0]["held_out_loss"] - alone[0]["held_out_loss"]
            sentences.append(f"held-out loss apart from documents one by one{suffix}: {apart:+.4f}")
    return sentences


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with sft/alpaca_en_demo.json and eval/gsm8k/train.jsonl")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=2048)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.quick:
        args.data, args.limit, args.number = None, 512, 24
    elif not args.data:
        parser.error("--data is needed, or --quick")
    return args


if __name__ == "__main__":
    args = arguments()
    found = measure(args)
    print(table(found), *judged(found), sep="\n")
    if args.json:
        args.json.write_text(json.dumps(found, indent=2))
