"""A tokenizer of one id a byte (and one for two line breaks), so that tests of text see every way a character can be cut."""

import codecs
import re

from zhinao.family import STOP_TOKENS, THINK_CLOSE, THINK_OPEN

DOUBLE = 256  # the id of two line breaks: a token that may straddle a frame's border


class ByteTokenizer:
    """The interface of `zhinao.model.tokenizer.Tokenizer`."""

    def __init__(self, chat_template: str | None = None, thinks: bool = True):
        names = [*STOP_TOKENS, "<pad>", *([THINK_OPEN, THINK_CLOSE] if thinks else [])]
        self.control_tokens = {name: DOUBLE + 1 + n for n, name in enumerate(names)}
        self.chat_template = chat_template
        self.vocab_size = 320
        self.eos_id, self.pad_id = self.control_tokens["<eod>"], self.control_tokens["<pad>"]

    def encode(self, text: str, control: bool = False) -> list[int]:
        if control:
            parts = re.split("(" + "|".join(map(re.escape, self.control_tokens)) + ")", text)
            return [
                i for p in parts for i in ([self.control_tokens[p]] if p in self.control_tokens else self.encode(p))
            ]
        return [
            DOUBLE if part == b"\n\n" else part[0]
            for part in re.findall(rb"\n\n|.", text.encode(errors="replace"), re.S)
        ]

    encode_aside = encode

    def _bytes(self, number: int, skip_control: bool) -> bytes:
        if number < DOUBLE:
            return bytes([number])
        return b"\n\n" if number == DOUBLE else b"" if skip_control else (self.id_to_token(number) or "").encode()

    def decode(self, ids, skip_control: bool = True) -> str:
        return b"".join(self._bytes(number, skip_control) for number in ids).decode(errors="replace")

    def bytes_of(self, number: int) -> bytes:
        return self._bytes(number, skip_control=False)

    def token_to_id(self, token: str) -> int | None:
        return self.control_tokens.get(token)

    def id_to_token(self, number: int) -> str | None:
        return next((name for name, n in self.control_tokens.items() if n == number), None)

    def stream(self, skip_control: bool = True) -> "ByteStream":
        return ByteStream(self, skip_control)


class ByteStream:
    def __init__(self, tokenizer: ByteTokenizer, skip_control: bool):
        self._tokenizer, self._skip_control = tokenizer, skip_control
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids) -> str:
        return "".join(self._decoder.decode(self._tokenizer._bytes(n, self._skip_control)) for n in ids)

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)
