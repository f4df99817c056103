"""A tokenizer for one request, which stops where the prompt cannot fit any more, before all of it is encoded."""

from zhinao.errors import ContextLengthError

_PIECE = 65_536  # characters
_SLACK = 64  # tokens that a cut may add
_LONG = 2_000  # characters; below that a batch costs more than it spares others
# Characters a token: below the first a text is soon encoded, whatever comes of it; no real text reaches the second.
_SURE, _MOST = 8, 16


class BoundedTokenizer:
    """Like the tokenizer that it is made of, but `encode` raises ContextLengthError (UsageError) for what is surely over `max_tokens`.

    It may let through what is little over: the engine counts exactly.
    """

    def __init__(self, tokenizer, max_tokens: int):
        self._tokenizer, self._max_tokens, self._num_tokens = tokenizer, max_tokens, 0

    def __getattr__(self, name: str):
        return getattr(self._tokenizer, name)

    def encode(self, text: str, control: bool = False) -> list[int]:
        if len(text) > _SURE * self._max_tokens:
            self._check(text, control)
        ids = self._ids(text, control)
        self._num_tokens += len(ids)
        if self._num_tokens > 4 * self._max_tokens:  # a renderer encodes some parts twice
            raise ContextLengthError(self._num_tokens // 2, self._max_tokens, is_counted=False)
        return ids

    def _check(self, text: str, control: bool) -> None:
        """Where blanks or the like make few tokens of many characters, it is the characters that are too many."""
        num_tokens, most = 0, _MOST * self._max_tokens
        for start in range(0, min(len(text), most), _PIECE):
            num_tokens += len(self._ids(text[start : start + _PIECE], control)) - _SLACK
            if num_tokens > self._max_tokens:
                raise ContextLengthError(num_tokens, self._max_tokens, is_counted=False)
        if len(text) > most:
            raise ContextLengthError(None, self._max_tokens, num_chars=len(text))

    def _ids(self, text: str, control: bool) -> list[int]:
        return (self._tokenizer.encode_aside if len(text) > _LONG else self._tokenizer.encode)(text, control)
