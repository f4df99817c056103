"""A small byte-level vocabulary, trained on the spot and written as a `.tiktoken` file, and a folder in the published form."""

import base64
import functools
import itertools
import json
import re
from collections import Counter
from pathlib import Path

NUM_RANKS = 300  # with the special tokens they fit the 320 rows of tests/tiny.py
SAMPLE = (
    "The quick brown fox jumps over the lazy dog. def main(): return [x for x in range(10)]\n"
    "你好，世界。春天来了，花开了。立春、雨水、惊蛰、春分、清明、谷雨。你好，春天。\n"
    "<div>hello</div> 1 + 1 = 2; x == y; aaaa aaaa bbbb ==== ==== ---- 😀😃😀 café naïve\n"
    "System: You are a helpful assistant. User: what is the answer? Assistant: the answer is 42.\n"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
THINKING = ("<think>", "</think>")
NUM_FAMILY_TOKENS = 11


@functools.cache
def train(num_ranks: int = NUM_RANKS, text: str = SAMPLE) -> dict[bytes, int]:
    """Token bytes -> rank: the 256 bytes, then the most frequent pair again and again (ties by bytes)."""
    words = Counter(tuple(bytes([b]) for b in piece.encode()) for piece in re.findall(r" ?\w+| ?[^\w\s]+|\s+", text))
    ranks = {bytes([byte]): byte for byte in range(256)}
    while len(ranks) < num_ranks:
        pairs = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        ranks[b"".join(best)] = len(ranks)
        words = Counter({_join(word, best): count for word, count in words.items()})
    return ranks


def _join(word: tuple[bytes, ...], pair: tuple[bytes, bytes]) -> tuple[bytes, ...]:
    joined: list[bytes] = []
    for part in word:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def write_ranks(file: Path, ranks: dict[bytes, int]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))
    return file


def make_tokenizer(
    folder: Path,
    *,
    ranks: dict[bytes, int] | None = None,
    further: tuple[str, ...] = THINKING,
    chat_template: str | None = CHAT_TEMPLATE,
    **config,
) -> Path:
    """Write vocab/360.tiktoken and tokenizer_config.json as a published checkpoint has them.

    The thinking markers (`further`) are added tokens that are not special. `config` overrides or adds keys.
    """
    ranks = ranks or train()
    write_ranks(folder / "vocab" / "360.tiktoken", ranks)
    first = len(ranks) + NUM_FAMILY_TOKENS
    raw = {
        "tokenizer_class": "ZhinaoTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_zhinao.ZhinaoTokenizer", None]},
        "eos_token": "<eod>",
        "pad_token": "<pad>",
        "model_max_length": 32768,
        "added_tokens_decoder": {str(first + n): {"content": text, "special": False} for n, text in enumerate(further)},
        **({"chat_template": chat_template} if chat_template else {}),
        **config,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(raw, ensure_ascii=False, indent=2), encoding="utf-8")
    return folder
