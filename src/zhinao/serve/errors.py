"""Refusals of the API, in OpenAI's shape and with the right status. Knows no routes."""

from collections.abc import Mapping

from zhinao.errors import ContextLengthError, EngineError, MissingExtraError, SlowGrammarError, UsageError, ZhinaoError
from zhinao.lang import both, said, tr

_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
# The codes of refusals that have none of their own: a program should not have to read sentences.
_CODES = {
    400: "invalid_value",
    404: "not_found",
    405: "method_not_allowed",
    415: "unsupported_media_type",
    422: "invalid_type",
    500: "internal_error",
}


class ApiError(Exception):
    """A request that is refused. `kind`, `code` and `param` are the fields `type`, `code`, `param` of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.param = status, message, param
        self.code = code or _CODES.get(status)
        self.kind = kind or _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
        self.headers = dict(headers or {})

    def body(self) -> dict:
        """The JSON body: `{"error": {"message", "type", "param", "code"}}`, in the language of who is answered now."""
        return {"error": {"message": said(self.message), "type": self.kind, "param": self.param, "code": self.code}}


def of(error: ZhinaoError) -> ApiError:
    """What a client is told of an error that happened below the API."""
    if isinstance(error, ContextLengthError):
        return ApiError(400, _too_long(error), code="context_length_exceeded", param="messages")
    if isinstance(error, (UsageError, MissingExtraError)):
        return ApiError(400, str(error))
    if isinstance(error, SlowGrammarError):
        return ApiError(400, str(error), code="grammar_too_slow")
    if isinstance(error, EngineError):
        return ApiError(503, str(error), code="engine_error", headers={"Retry-After": "2"})
    return ApiError(500, str(error))


def _too_long(error: ContextLengthError) -> str:
    """Clients such as LiteLLM know this refusal by OpenAI's own words, so they come first in every language."""
    known = f"This model's maximum context length is {error.num_context_tokens} tokens"
    if error.num_prompt_tokens is None:
        return f"{known}. {error}"
    told = f"{known}; the prompt has {'' if error.is_counted else 'more than '}{error.num_prompt_tokens}."
    (_, chinese), (hint, chinese_hint) = both(error.message), both(error.hint)
    return tr(f"{told}\n  → {hint}", f"{told} {chinese}\n  → {chinese_hint}")
