"""The steps of `tokenizer.md` done with the public `tiktoken` package: what our ids are held against. Shares no code with it."""

import base64
from pathlib import Path

import tiktoken

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = [
    "<pad>",
    "<unk>",
    "<mask>",
    "<eod>",
    "<eop>",
    "[space2]",
    "[space3]",
    "[space4]",
    "[space8]",
    "<|im_start|>",
    "<|im_end|>",
]
MARKERS = {f"[space{n}]" for n in (2, 3, 4, 8)}


class Reference:
    """`further`: added tokens after the family's. They are not dropped in decoding."""

    def __init__(self, vocabulary: Path, further: tuple[str, ...] = ()):
        lines = [line.split() for line in vocabulary.read_bytes().splitlines() if line]
        self.ranks = ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        special = {token: len(ranks) + n for n, token in enumerate([*SPECIAL, *further])}
        self.dropped = {id for token, id in special.items() if token in SPECIAL and token not in MARKERS}
        self.markers = {special[marker]: " " * int(marker[6]) for marker in MARKERS}
        self.encoding = tiktoken.Encoding("zhinao", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=special)

    def encode(self, text: str, control: bool = False) -> list[int]:
        for newline in ("[br]", "<br>"):
            text = text.replace(newline, "\n")
        for n in (8, 4, 3, 2):
            text = text.replace(" " * n, f"[space{n}]")
        return self.encoding.encode(text, allowed_special="all" if control else MARKERS, disallowed_special=())

    def decode(self, ids: list[int], skip_control: bool = True) -> str:
        kept = [id for id in ids if not (skip_control and id in self.dropped)]
        data = b"".join(
            self.markers[id].encode() if id in self.markers else self.encoding.decode_single_token_bytes(id)
            for id in kept
        )
        return data.decode("utf-8", "replace")
