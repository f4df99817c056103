"""Our tokenizer against tiktoken on a real-size vocabulary: every line of a folder of texts, random strings, all code points.

    python -m benchmarks.tokenizer_parity FOLDER_WITH_TEXTS VOCABULARY.tiktoken

Prints one JSON object; exits with 1 if any ids or any decoded text differ. Needs `tiktoken` (the `dev` extra).
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.reference_tokenizer import Reference
from tests.tokenizer_comparison import code_points, compare, lines, random_texts

from zhinao.model.tokenizer import Tokenizer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("--random", type=int, default=100_000, help="number of random strings")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "vocab" / "360.tiktoken"
        copy.parent.mkdir()
        copy.write_bytes(args.vocabulary.read_bytes())
        start = time.perf_counter()
        ours = Tokenizer.load(Path(folder))
        loading = time.perf_counter() - start
    reference = Reference(args.vocabulary)
    vocabulary = [text for id in range(len(reference.ranks)) if (text := ours.decode([id])) and "\ufffd" not in text]
    report = {"seconds_to_load": round(loading, 2), "vocabulary": ours.vocab_size}
    jobs = {
        "lines": lines(args.texts),
        "each token alone": iter(vocabulary),
        "random strings": random_texts(args.random, vocabulary, args.seed),
        "code points": code_points(),
    }
    for name, texts in jobs.items():
        report[name] = compare(texts, ours, reference)
        print(name, json.dumps(report[name]), file=sys.stderr, flush=True)
    print(json.dumps(report, indent=2))
    return int(any(report[name]["differences"] for name in jobs))


if __name__ == "__main__":
    sys.exit(main())
