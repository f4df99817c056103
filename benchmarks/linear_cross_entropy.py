"""The last layer and its loss, forward and backward: ours beside the plain way, TRL's and PyTorch's own.

    python benchmarks/linear_cross_entropy.py [--tokens 8192] [--hidden 1024] [--vocabulary 158464] [--dtype bfloat16]
        [--rounds 3] [--only NAME …] [--quick] [--json FILE]

Every run is a process of its own on the same seeded tensors, and in each round every way has its turn, in an order that turns
round; ratios are taken round by round. Memory is what the process grew by at its peak over its tensors, gradients included.
Exactness is measured on a small size against float64. The plain way needs 11 bytes a logit: 14 GB at the default size.
`torch "accurate"` is PyTorch's default; it takes 20 times as long as the others, and runs only where it is named. `--quick` is a
small size, for trying out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

OURS, PLAIN, TRL, TORCH, ACCURATE = "ours", "plain", "TRL", 'torch "compact"', 'torch "accurate"'
NAMES = (OURS, PLAIN, TRL, TORCH, ACCURATE)
GOALS = "ours against plain: time at most 0.7, memory at most 0.05"


def loss_of(name: str, hidden, weight, targets):
    """Summed negative log-likelihood by one of the ways. hidden `(N, H)`, weight `(V, H)`, targets `(N,)`."""
    import torch
    from torch.nn import functional

    if name == OURS:
        from zhinao.train.net.linear_cross_entropy import linear_cross_entropy

        return linear_cross_entropy(hidden, weight, targets)
    if name == PLAIN:
        return functional.cross_entropy(functional.linear(hidden, weight).float(), targets, reduction="sum")
    if name == TRL:
        from trl.kernels import ChunkedLogProbFunction

        return -ChunkedLogProbFunction.apply(hidden, weight, None, targets, 1.0, 32768, None, 1.0, ("log_probs",))[
            0
        ].sum()
    options = torch.nn.LinearCrossEntropyOptions()
    if name == TORCH:
        options = torch.nn.LinearCrossEntropyOptions(acc_policy="compact", batch_chunk_size=512)
    return functional.linear_cross_entropy(hidden, weight, targets, reduction="sum", options=options)


def tensors(num_tokens: int, width: int, num_ids: int, dtype):
    """Logits with a standard deviation of 3, as trained models have them."""
    import torch

    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(num_tokens, width, generator=random).to(dtype).requires_grad_()
    weight = (torch.randn(num_ids, width, generator=random) * 3 * width**-0.5).to(dtype).requires_grad_()
    return hidden, weight, torch.randint(num_ids, (num_tokens,), generator=random)


def measure(name: str, sizes: tuple[int, int, int], dtype) -> dict:
    """Seconds and bytes of one run. The first product of a process is not timed."""
    loss_of(name, *tensors(64, sizes[1], 2048, dtype)).backward()
    hidden, weight, targets = tensors(*sizes, dtype)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, begin = _bytes("VmRSS"), time.perf_counter()
    loss = loss_of(name, hidden, weight, targets)
    loss.backward()
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "bytes": _bytes("VmHWM") - before, "loss": loss.item() / len(targets)}


def _bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field + ":")).split()[1])


def exactness(name: str, dtype) -> dict:
    """Relative errors of loss and gradients against float64, with 2048 tokens, hidden 128 and a vocabulary of 4096."""
    import torch

    def results(loss_of_them, kind):
        hidden, weight, targets = tensors(2048, 128, 4096, dtype)
        hidden, weight = (tensor.detach().to(kind).requires_grad_() for tensor in (hidden, weight))
        loss = loss_of_them(hidden, weight, targets)
        loss.backward()
        return loss.detach().double(), hidden.grad.double(), weight.grad.double()

    def in_float64(hidden, weight, targets):
        return torch.nn.functional.cross_entropy(hidden @ weight.t(), targets, reduction="sum")

    pairs = zip(results(partial(loss_of, name), dtype), results(in_float64, torch.float64), strict=True)
    errors = [((found - exact).norm() / exact.norm()).item() for found, exact in pairs]
    return dict(zip(("loss", "hidden", "weight"), errors, strict=True))


def in_a_process(args: argparse.Namespace, name: str, what: str) -> dict:
    words = [sys.executable, __file__, "--child", what, "--only", name, "--dtype", args.dtype]
    words += ["--tokens", str(args.tokens), "--hidden", str(args.hidden), "--vocabulary", str(args.vocabulary)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(args: argparse.Namespace) -> None:
    import torch

    dtype = getattr(torch, args.dtype)
    sizes = (args.tokens, args.hidden, args.vocabulary)
    found = measure(args.only[0], sizes, dtype) if args.child == "measure" else exactness(args.only[0], dtype)
    print(json.dumps(found))


def parent(args: argparse.Namespace) -> dict:
    runs = {name: [] for name in args.only}
    for round_ in range(args.rounds):
        for name in args.only if round_ % 2 == 0 else reversed(args.only):
            runs[name].append(in_a_process(args, name, "measure"))
            print(f"round {round_ + 1}  {name}: {runs[name][-1]}", file=sys.stderr)
    return {"runs": runs, "exactness": {name: in_a_process(args, name, "exactness") for name in args.only}}


def table(found: dict) -> str:
    lines = [
        "| way | s | of plain | memory, MB | of plain | loss | error: loss | by hidden | by weight |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    plain = found["runs"].get(PLAIN)
    for name, runs in found["runs"].items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        ratios = [
            f"{statistics.median(a[key] / b[key] for a, b in zip(runs, plain, strict=True)):.3f}" if plain else ""
            for key in ("seconds", "bytes")
        ]
        errors = " | ".join(f"{found['exactness'][name][key]:.1e}" for key in ("loss", "hidden", "weight"))
        lines.append(
            f"| {name} | {middle['seconds']:.2f} | {ratios[0]} | {middle['bytes'] / 1e6:.0f} | {ratios[1]} "
            f"| {middle['loss']:.4f} | {errors} |"
        )
    return "\n".join([*lines, "", GOALS])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=158_464)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(NAMES[:4]), choices=NAMES)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=["measure", "exactness"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.tokens, args.hidden, args.vocabulary, args.rounds = 256, 128, 8192, 1
    return args


if __name__ == "__main__":
    args = arguments()
    if args.child:
        child(args)
    else:
        print(
            f"{args.tokens} tokens, hidden {args.hidden}, vocabulary {args.vocabulary}, {args.dtype}, {os.cpu_count()} cores"
        )
        found = parent(args)
        print(table(found))
        if args.json:
            args.json.write_text(json.dumps(found, indent=2))
