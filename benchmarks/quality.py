"""How far the embedded engine's numbers lie from transformers float32: likelihoods of real text, and greedy answers.

    python benchmarks/quality.py --data ../shared/data [--model smollm2-135m] [--num-tokens 20000] [--json FILE]

Scores Chinese, English and code in windows; then lets both answer greedily and shows where the embedded engine first
takes another token, and how far apart the reference holds the two tokens there (0 means a tie). Not a speed test.
"""

import argparse
import gzip
import json
import math
from pathlib import Path

from zhinao import engine, hub
from zhinao.engine.base import Sampling
from zhinao.model.tokenizer import Tokenizer

REFERENCE = "transformers:f32"


def read_texts(data: Path) -> dict[str, str]:
    """Kind of text -> a long one of it."""
    chats = {kind: json.loads((data / f"sft/alpaca_{kind}_demo.json").read_text("utf-8")) for kind in ("zh", "en")}
    texts = {
        kind: "\n\n".join(f"{row['instruction']}\n{row['output']}" for row in rows) for kind, rows in chats.items()
    }
    problems = gzip.decompress((data / "eval/humaneval/HumanEval.jsonl.gz").read_bytes()).decode().splitlines()
    texts["code"] = "\n\n".join(row["prompt"] + row["canonical_solution"] for row in map(json.loads, problems))
    return texts


def cut_windows(tokenizer, texts: dict[str, str], num_tokens: int, width: int) -> list[tuple[str, list[int]]]:
    """(kind, ids) windows of at most `width` tokens, `num_tokens` in all, the kinds in equal parts."""
    windows = []
    for kind, text in texts.items():
        ids = tokenizer.encode(text)[: num_tokens // len(texts)]
        windows += [(kind, ids[n : n + width]) for n in range(0, len(ids), width) if len(ids) - n > 1]
    return windows


def open_engine(folder: Path, name: str):
    kind, quant = name.split(":")
    quant, many, _ = quant.partition("-many")
    return engine.open(folder, engine=kind, quant=quant, is_for_scoring=kind == "openvino", is_for_many=bool(many))


def measure(opened, windows, prompts, num_new: int) -> tuple[list[list[float]], list[tuple[int, ...]]]:
    """Log-likelihoods of each window, and the greedy answer to each prompt."""
    scores = [opened.score(ids) for _, ids in windows]
    sampling = Sampling(temperature=0, max_tokens=num_new)
    return scores, [sum((chunk.ids for chunk in opened.generate(ids, sampling)), ()) for ids in prompts]


def compare(name, windows, scores, reference) -> dict:
    """One row: sums over all tokens and perplexities, overall and by kind."""
    row = {"engine": name, "log_likelihood": total(scores), "perplexity": perplexity(scores)}
    row["log_likelihood_off_percent"] = 100 * abs(row["log_likelihood"] / total(reference) - 1)
    row["perplexity_off_percent"] = 100 * (row["perplexity"] / perplexity(reference) - 1)
    pairs = [(a, b) for mine, its in zip(scores, reference, strict=True) for a, b in zip(mine, its, strict=True)]
    row["mean_off_per_token"] = sum(abs(a - b) for a, b in pairs) / len(pairs)
    for kind in dict(windows):
        row[f"perplexity_{kind}"] = perplexity([s for (k, _), s in zip(windows, scores, strict=True) if k == kind])
    return row


def total(scores) -> float:
    return sum(map(sum, scores))


def perplexity(scores) -> float:
    return math.exp(-total(scores) / sum(map(len, scores)))


def first_departure(reference_engine, prompt: list[int], its: tuple[int, ...], mine: tuple[int, ...]) -> dict | None:
    """Where two greedy answers part, and the reference's logit of its token less that of the other one."""
    position = next((n for n, (a, b) in enumerate(zip(its, mine, strict=False)) if a != b), None)
    if position is None:
        return None
    before = prompt + list(its[:position])
    gap = reference_engine.score([*before, its[position]])[-1] - reference_engine.score([*before, mine[position]])[-1]
    return {"position": position, "logit_gap": gap}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--engines", nargs="+", default=["openvino:f32", "openvino:bf16", "openvino:int8"])
    parser.add_argument("--num-tokens", type=int, default=20000)
    parser.add_argument("--window", type=int, default=1024)
    parser.add_argument("--num-prompts", type=int, default=18)
    parser.add_argument("--num-new", type=int, default=64)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    folder = hub.resolve(args.model).path
    windows = cut_windows(Tokenizer.load(folder), read_texts(args.data), args.num_tokens, args.window)
    prompts = [ids[:64] for _, ids in windows if len(ids) >= 64]
    prompts = prompts[:: max(1, len(prompts) // args.num_prompts)]
    rows = []
    with open_engine(folder, REFERENCE) as reference:
        scores, answers = measure(reference, windows, prompts, args.num_new)
        rows.append(compare(REFERENCE, windows, scores, scores))
        for name in args.engines:
            with open_engine(folder, name) as opened:
                mine, my_answers = measure(opened, windows, prompts, args.num_new)
            row = compare(name, windows, mine, scores)
            answers_both = zip(prompts, answers, my_answers, strict=True)
            row["departures"] = [first_departure(reference, *each) for each in answers_both]
            rows.append(row)
    print_table(rows, sum(len(ids) - 1 for _, ids in windows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


def print_table(rows: list[dict], num_scored: int) -> None:
    print(f"{num_scored} tokens scored\n")
    print("| engine | log-likelihood | off % | perplexity | off % | mean off per token | zh | en | code |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        kinds = " | ".join(f"{row[f'perplexity_{kind}']:.3f}" for kind in ("zh", "en", "code"))
        print(
            f"| {row['engine']} | {row['log_likelihood']:.1f} | {row['log_likelihood_off_percent']:.4f} | {row['perplexity']:.4f} "
            f"| {row['perplexity_off_percent']:+.3f} | {row['mean_off_per_token']:.4f} | {kinds} |"
        )
    print("\n| engine | greedy answers equal | first departure, median token | largest logit gap there | median |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows[1:]:
        parted = [d for d in row["departures"] if d]
        gaps, places = sorted(d["logit_gap"] for d in parted), sorted(d["position"] for d in parted)
        figures = f"{places[len(places) // 2]} | {gaps[-1]:.3f} | {gaps[len(gaps) // 2]:.3f}" if parted else "– | – | –"
        print(f"| {row['engine']} | {len(row['departures']) - len(parted)} of {len(row['departures'])} | {figures} |")


if __name__ == "__main__":
    main()
