"""Routes that run nothing: models, tokens, the rendered prompt, settings."""

from zhinao.api.model import Model
from zhinao.engine.base import Sampling
from zhinao.errors import ContextLengthError
from zhinao.lang import tr
from zhinao.prompt import tools
from zhinao.serve.errors import ApiError
from zhinao.serve.openai.render import BoundedTokenizer, check_ids, countable, render
from zhinao.serve.openai.schema import DetokenizeRequest, TokenizeRequest, own_tools
from zhinao.serve.run.service import Service
from zhinao.version import __version__

_SHOWN = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "max_tokens",
)


def card(service: Service, name: str) -> dict:
    """One entry of `/v1/models`."""
    info = service.model.engine.info
    return {
        "id": name,
        "object": "model",
        "created": service.created,
        "owned_by": "zhinao",
        "root": service.names[0],
        "parent": None,
        "max_model_len": info.num_context_tokens,
    }


def props(service: Service, needs_key: bool) -> dict:
    """What the page needs to know: the model, its defaults, its context."""
    model = service.model
    info, plain = model.engine.info, Sampling()
    defaults = {name: model.sampling.get(name, getattr(plain, name)) for name in _SHOWN}
    return {
        "model": service.names[0],
        "thinks": model.thinks,
        "languages": list(model.languages),  # empty: nobody has told us
        "num_context_tokens": info.num_context_tokens,
        "defaults": {**defaults, "thinking_budget": service.settings.thinking_budget},
        "engine": info.engine,
        "precision": info.precision,
        "version": __version__,
        "needs_key": needs_key,
    }


def tokenize(body: TokenizeRequest, model: Model) -> dict:
    """Raises ApiError 400 where neither or both of `prompt` and `messages` are given, UsageError for bad messages."""
    if (body.prompt is None) == (body.messages is None):
        raise ApiError(400, tr("Give either prompt or messages.", "请在 prompt 与 messages 中二选一。"), param="prompt")
    if body.prompt is None:
        ids = render(body, model, tools.read(own_tools(body.tools)), countable(model)).ids
    else:
        ids = BoundedTokenizer(model.tokenizer, countable(model)).encode(body.prompt, control=True)
    strings = [model.tokenizer.bytes_of(i).decode(errors="replace") for i in ids] if body.return_token_strs else None
    return {
        "count": len(ids),
        "max_model_len": model.engine.info.num_context_tokens,
        "tokens": ids,
        "token_strs": strings,
    }


def tokenizer_info(model: Model) -> dict:
    """What tools that count tokens over HTTP want to know."""
    tokenizer = model.tokenizer
    names = {f"{kind}_token": getattr(tokenizer, f"{kind}_id", None) for kind in ("bos", "eos", "pad")}
    tokens = {name: None if number is None else tokenizer.id_to_token(number) for name, number in names.items()}
    return {**tokens, "vocab_size": tokenizer.vocab_size, "chat_template": tokenizer.chat_template}


def detokenize(body: DetokenizeRequest, model: Model) -> dict:
    """Raises ApiError 400 for ids outside the vocabulary, ContextLengthError for too many."""
    if len(body.tokens) > countable(model):
        raise ContextLengthError(len(body.tokens), model.engine.info.num_context_tokens)
    check_ids(body.tokens, model, "tokens")
    return {"prompt": model.tokenizer.decode(body.tokens, skip_control=False)}
