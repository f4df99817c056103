"""Comparing our tokenizer with the reference on many texts: where the texts come from, and the count of differences."""

import csv
import gzip
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.model.texts import FRAGMENTS
from tests.reference_tokenizer import Reference
from zhinao.model.tokenizer import Tokenizer

NUM_SHOWN = 5


def lines(folder: Path) -> Iterator[str]:
    """Each line of each text file as it stands, then each line of the values inside JSON and CSV."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix == ".gz":
            text = gzip.decompress(file.read_bytes()).decode("utf-8", "replace")
        elif file.suffix in (".json", ".jsonl", ".csv", ".txt", ".lst"):
            text = file.read_bytes().decode("utf-8", "replace")
        else:
            continue
        yield from text.splitlines(keepends=True)
        for value in values(text, file.name):
            yield from value.splitlines(keepends=True)


def values(text: str, name: str) -> Iterator[str]:
    """The strings inside a JSON, JSON Lines or CSV file, which differ from its lines in escapes and line ends."""
    if ".csv" in name:
        yield from (cell for row in csv.reader(text.splitlines(keepends=True)) for cell in row)
    elif ".jsonl" in name:
        yield from (string for line in text.splitlines() if line.strip() for string in strings(json.loads(line)))
    elif ".json" in name:
        try:
            yield from strings(json.loads(text))
        except json.JSONDecodeError:  # JSON Lines under another name
            yield from values(text, "x.jsonl")


def strings(value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def random_texts(count: int, vocabulary: list[str], seed: int) -> Iterator[str]:
    """Mixtures of fragments, tokens, runs of one fragment, spaces, and arbitrary code points (surrogates too)."""
    dice = random.Random(seed)
    makers: list[Callable[[], str]] = [
        lambda: dice.choice(FRAGMENTS),
        lambda: dice.choice([*FRAGMENTS, "ab", "aab", "=", "一"]) * dice.randint(2, 50),
        lambda: " " * dice.randint(1, 50),
        lambda: "".join(dice.choices(vocabulary, k=3)),
        lambda: dice.choice(vocabulary) * dice.randint(2, 6),
        lambda: "".join(chr(dice.randrange(0x110000)) for _ in range(dice.randint(1, 8))),
        lambda: "".join(chr(dice.randrange(0x3400)) for _ in range(dice.randint(1, 12))),
        lambda: "".join(dice.choices("abtE '", k=dice.randint(1, 40))),
    ]
    for _ in range(count):
        yield "".join(dice.choice(makers)() for _ in range(dice.randint(1, 8)))


def code_points() -> Iterator[str]:
    for code in range(0x110000):
        c = chr(code)
        yield f"a{c}a {c} 1{c}1!{c}!'{c}\n{c}\n\n{c}\t{c}'S{c}'l{c}'r{c}e'v{c}'{c}l{c}{c} \t{c}\r{c}"


def compare(texts: Iterator[str], ours: Tokenizer, reference: Reference) -> dict:
    """Ids with and without control tokens, and the text decoded from them, of each of `texts`."""
    count, num_chars, num_tokens, differences, seconds = 0, 0, 0, [], {"ours": 0.0, "tiktoken": 0.0}
    for count, text in enumerate(texts, 1):  # noqa: B007
        start = time.perf_counter()
        expected = reference.encode(text)
        middle = time.perf_counter()
        ids = ours.encode(text)
        seconds["ours"] += time.perf_counter() - middle
        seconds["tiktoken"] += middle - start
        num_chars, num_tokens = num_chars + len(text), num_tokens + len(ids)
        with_control = ours.encode(text, control=True)
        is_equal = ids == expected and with_control == reference.encode(text, control=True)
        is_equal &= ours.decode(ids) == reference.decode(ids) and ours.decode(with_control) == reference.decode(
            with_control
        )
        stream = ours.stream()
        is_equal &= "".join([stream.feed([id]) for id in ids]) + stream.flush() == ours.decode(ids)
        if not is_equal:
            differences.append(ascii(text[:200]))
    return {
        "texts": count,
        "characters": num_chars,
        "tokens": num_tokens,
        "differences": len(differences),
        "first_differences": differences[:NUM_SHOWN],
        "tokens_per_second": {name: round(num_tokens / spent) for name, spent in seconds.items()},
    }
