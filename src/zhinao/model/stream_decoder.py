"""Token ids to text while they arrive, whole characters only.

All `feed()` results and `flush()` joined are what decoding all ids at once gives. The cost of a token does not grow with
what came before it. Does not look for stop strings or thoughts.
"""

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable


class StreamDecoder(ABC):
    """One answer being decoded. Not for use by several threads at once."""

    @abstractmethod
    def feed(self, ids: Iterable[int]) -> str:
        """The text that has become certain with `ids`; never half a character. Ids that are no tokens give nothing."""

    @abstractmethod
    def flush(self) -> str:
        """The rest: U+FFFD for bytes that never became a character. The decoder is fresh afterwards."""


class ByteStreamDecoder(StreamDecoder):
    """For byte-level vocabularies. `token_bytes` gives the bytes of an id, nothing for one that is not shown."""

    def __init__(self, token_bytes: Callable[[int], bytes]):
        self._token_bytes = token_bytes
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Iterable[int]) -> str:
        return self._utf8.decode(b"".join([self._token_bytes(id) for id in ids]))

    def flush(self) -> str:
        rest = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return rest


class PieceStreamDecoder(StreamDecoder):
    """For all other vocabularies (SentencePiece's): decodes each token behind the one before it.

    `token_text` names a token (None for one that is not shown), `decode` turns ids into text. A run of byte tokens
    (`<0xE4>`) is held back until it ends, because its text depends on the whole run.
    """

    def __init__(self, token_text: Callable[[int], str | None], decode: Callable[[list[int]], str]):
        self._token_text, self._decode = token_text, decode
        self._before: list[int] = []  # shown already; spacing depends on it
        self._held: list[int] = []

    def feed(self, ids: Iterable[int]) -> str:
        return "".join([self._step(id) for id in ids])

    def flush(self) -> str:
        rest = self._release() if self._held else ""
        self._before = []
        return rest

    def _step(self, id: int) -> str:
        token = self._token_text(id)
        if token is None:
            return ""
        self._held.append(id)
        return "" if re.fullmatch("<0x[0-9A-Fa-f]{2}>", token) else self._release()

    def _release(self) -> str:
        known, text = self._decode(self._before), self._decode(self._before + self._held)
        self._before, self._held = self._held[-1:], []
        return text[len(known) :]
