"""From the messages, texts and ids of a request to the prompt's ids, stopped where they cannot fit, before all is encoded. Knows no routes."""

from zhinao.api.model import Model
from zhinao.errors import ContextLengthError
from zhinao.lang import tr
from zhinao.prompt.conversation import Rendered
from zhinao.prompt.tools import ToolUse
from zhinao.serve.errors import ApiError
from zhinao.serve.openai.schema import ChatRequest, TokenizeRequest

# Who counts the tokens of a text wants to know by how much it is too long: so much more than the context is counted.
_COUNTED, _AT_LEAST = 4, 131_072
_PIECE = 65_536  # characters
_SLACK = 64  # tokens that a cut may add
_LONG = 2_000  # characters; below that a batch costs more than it spares others
# Characters a token: below the first a text is soon encoded, whatever comes of it; no real text reaches the second.
_SURE, _MOST = 8, 16


def render(body: ChatRequest | TokenizeRequest, model: Model, use: ToolUse, max_tokens: int | None = None) -> Rendered:
    """The prompt as the model will read it. Raises UsageError for bad messages, ContextLengthError for what cannot fit."""
    return model.render(
        body.messages,
        BoundedTokenizer(model.tokenizer, max_tokens or model.engine.info.num_context_tokens),
        tools=use.shown,
        continue_final=bool(body.continue_final_message),
        add_generation_prompt=body.add_generation_prompt is not False,
        template_kwargs=body.chat_template_kwargs,
    )


def countable(model: Model) -> int:
    """How many tokens the routes that run nothing count at most."""
    return max(_COUNTED * model.engine.info.num_context_tokens, _AT_LEAST)


def check_ids(ids: list[int], model: Model, field: str) -> None:
    """Raises ApiError 400 for an id outside the vocabulary."""
    size = model.engine.info.vocab_size
    if (bad := next((i for i in ids if not 0 <= i < size), None)) is not None:
        raise ApiError(
            400,
            tr(f"Token id {bad} is outside the vocabulary of {size}.", f"token id {bad} 超出词表（{size}）。"),
            param=field,
        )


class BoundedTokenizer:
    """For one request. Like the tokenizer that it is made of, but `encode` raises ContextLengthError (UsageError) for what is surely over `max_tokens`.

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
