"""The conversations that `finetune_peers.py` trains on: multi-turn, always the same, none longer than the limit. Trains nothing.

Real ones are put together of questions and answers from Alpaca and GSM8K; where that material is not there, of sums.
"""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, encode
from zhinao.data.sample import Place, Sample
from zhinao.data.store.packing import best_fit

ALPACA, GSM8K = "sft/alpaca_en_demo.json", "eval/gsm8k/train.jsonl"


def conversations(data: Path | None, number: int, tokenizer, limit: int) -> list[Encoded]:
    """The first `number` that fit `limit` tokens. data: the folder that holds the material; None: sums.

    Raises ValueError where the material does not suffice.
    """
    random_ = random.Random(0)
    pairs = _sums(random_) if data is None else iter(_shuffled(data, random_))
    found = []
    while len(found) < number:
        messages = []
        for question, answer in itertools.islice(pairs, random_.randint(2, 3)):
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        if not messages:
            raise ValueError(f"only {len(found)} conversations of at most {limit} tokens can be made")
        sample = Sample("chat", Place("conversations", None, len(found) + 1), messages=messages)
        (document,) = encode(sample, tokenizer, Choices())
        if len(document.ids) <= limit:
            found.append(document)
    return found


def _shuffled(data: Path, random_: random.Random) -> list[tuple[str, str]]:
    alpaca = json.loads((data / ALPACA).read_text(encoding="utf-8"))
    gsm8k = [json.loads(line) for line in (data / GSM8K).read_text(encoding="utf-8").splitlines()]
    pairs = [(f"{one['instruction']}\n{one['input']}".strip(), one["output"]) for one in alpaca]
    pairs += [(one["question"], one["answer"]) for one in gsm8k]
    pairs = [pair for pair in pairs if all(part.strip() for part in pair)]
    random_.shuffle(pairs)
    return pairs


def _sums(random_: random.Random) -> Iterator[tuple[str, str]]:
    while True:
        a, b = random_.randint(10, 99), random_.randint(10, 99)
        yield f"What is {a} + {b}?", f"{a} + {b} = {a + b}."


def two_steps(documents: Sequence[Encoded], limit: int) -> list[list[int]]:
    """Documents of two optimizer steps, two packed rows for the first and one for the second.

    The first has at least as many documents, and rows by `first_fit`, as the second: a last step may be smaller, not larger.
    """
    lengths = [len(document.ids) for document in documents]
    packs = best_fit(lengths, limit, seed=0)
    for place in range(len(packs) - 2):
        steps = [packs[place] + packs[place + 1], packs[place + 2]]
        counts = [[len(step), len(first_fit([lengths[index] for index in step], limit))] for step in steps]
        if all(first >= second for first, second in zip(*counts, strict=True)):
            return steps
    raise ValueError("no two steps of these documents fit each other")


def first_fit(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Rows as the publisher's `is_concat` fills them: in order, a new row where the next document does not fit."""
    rows, room = [], 0
    for place, length in enumerate(lengths):
        if length > room:
            rows.append([])
            room = limit
        rows[-1].append(place)
        room -= length
    return rows
