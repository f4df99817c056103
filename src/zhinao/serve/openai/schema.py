"""What requests may hold, as pydantic models. Their names and meanings are OpenAI's, then vLLM's; the OpenAPI page is made of them.

Unknown fields are kept (`model_extra`), so that the answer can name them, and tools of types that only others have: in a
header, or in a refusal where the server is strict.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zhinao.config import suggestion
from zhinao.lang import tr
from zhinao.serve.errors import ApiError

# One wrong entry is told, not a million of them: telling them all took a minute.
_FIRST = Field(fail_fast=True)
Ids = Annotated[list[int], _FIRST]
Texts = Annotated[list[str], _FIRST]
Objects = Annotated[list[dict[str, Any]], _FIRST]
MAX_MESSAGES, MAX_TOOLS, MAX_STOPS = 10_000, 1_024, 1_024
Messages = Annotated[Objects, Field(max_length=MAX_MESSAGES)]
Tools = Annotated[Objects, Field(max_length=MAX_TOOLS)]
Stops = Annotated[Texts, Field(max_length=MAX_STOPS)]
# Fields of OpenAI's API that change nothing here, so that leaving them out gives the same answer.
_HARMLESS = {"metadata", "store", "service_tier", "parallel_tool_calls", "safety_identifier", "prompt_cache_key"}


class Body(BaseModel):
    """Every request. Types are checked strictly: a number in quotes is a mistake, not a number."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())
    model: str | None = Field(None, description="A name that /v1/models lists; may be left out.")


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = Field(None, description="with include_usage: in every chunk, as vLLM has it")


class Sampled(Body):
    """Fields that chat and completions share. What is not sent comes from the checkpoint."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=64)
    seed: int | None = None
    stop: str | Stops | None = None
    max_tokens: int | None = Field(None, ge=0)
    min_tokens: int | None = Field(None, ge=0)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = Field(None, description="0 and -1: off")
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    repeat_penalty: float | None = Field(None, description="another name of repetition_penalty")
    ignore_eos: bool | None = None
    logit_bias: dict[str, Any] | None = Field(None, description="refused: the engine cannot")
    structured_outputs: dict[str, Any] | None = Field(None, description="one of json, regex, choice, grammar")
    guided_json: str | dict[str, Any] | None = None
    guided_regex: str | None = None
    guided_choice: Texts | None = None
    guided_grammar: str | None = None
    user: str | None = Field(None, description="goes into the log; limits are those of the key")


class ChatRequest(Sampled):
    """`POST /v1/chat/completions`."""

    messages: Messages
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0)
    response_format: dict[str, Any] | None = None
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    thinking_budget: int | None = Field(None, ge=0, description="tokens after which a thought is closed")
    chat_template_kwargs: dict[str, Any] | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None


class CompletionRequest(Sampled):
    """`POST /v1/completions`."""

    prompt: str | Ids | Texts | Annotated[list[Ids], _FIRST]
    echo: bool | None = None
    logprobs: int | None = Field(None, ge=0)
    response_format: dict[str, Any] | None = None
    suffix: str | None = Field(None, description="refused: the models cannot fill in")
    best_of: int | None = Field(None, description="refused unless it equals n")


class TokenizeRequest(Body):
    """`POST /tokenize`: a text, or messages."""

    prompt: str | None = None
    messages: Messages | None = None
    add_special_tokens: bool | None = Field(None, description="no effect: these models have no such tokens")
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = None
    tools: Tools | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class DetokenizeRequest(Body):
    """`POST /detokenize`."""

    tokens: Ids


class ResponsesRequest(Body):
    """`POST /v1/responses`; read further in `responses/request.py`."""

    input: str | Messages
    tools: Tools | None = None
    stream: bool | None = None


class Choice(BaseModel):
    model_config = ConfigDict(extra="allow")
    index: int
    finish_reason: Literal["stop", "length", "tool_calls"] | None


class Answer(BaseModel):
    """The shape of an answer, for the OpenAPI page; `choices` hold `message` (chat) or `text` (completions)."""

    model_config = ConfigDict(extra="allow")
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]


def unknown_fields(body: BaseModel, place: str = "") -> list[str]:
    """Dotted names, also of fields within known objects."""
    names = [f"{place}{name}" for name in (body.model_extra or {}) if name not in _HARMLESS]
    for name in type(body).model_fields:
        if isinstance(value := getattr(body, name), BaseModel):
            names += unknown_fields(value, f"{place}{name}.")
    return names + foreign_tools(getattr(body, "tools", None))


def is_foreign_tool(tool) -> bool:
    """A tool of a type that OpenAI's servers or its own clients have: passed over, the function tools beside it are offered."""
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    return isinstance(kind, str) and kind != "function"


def foreign_tools(tools: Sequence | None) -> list[str]:
    """What is told of those that are passed over: each type once."""
    return list(dict.fromkeys(f"tools.{tool['type']}" for tool in tools or () if is_foreign_tool(tool)))


def own_tools(tools: Sequence | None) -> list | None:
    """Those that are offered to the model."""
    return None if tools is None else [tool for tool in tools if not is_foreign_tool(tool)]


def ignored_headers(body: BaseModel, is_strict: bool) -> dict[str, str]:
    """`X-Zhinao-Ignored`, where there is something to name. Raises ApiError 400 where the server is strict."""
    return named(unknown_fields(body), is_strict, type(body).model_fields)


def named(names: list[str], is_strict: bool, known: Iterable[str] = ()) -> dict[str, str]:
    """The same for names that are known already; `known` are those that may have been meant."""
    if not names:
        return {}
    if is_strict:
        hint = suggestion(names[0], known)
        raise ApiError(
            400,
            tr(f"Unknown field: {', '.join(names)}.", f"未知的字段：{', '.join(names)}。")
            + (f" → {hint}" if hint else ""),
            param=names[0],
            code="unknown_parameter",
        )
    return {"X-Zhinao-Ignored": ", ".join(_header_safe(name) for name in names)[:1000]}


def _header_safe(name: str) -> str:
    return "".join(char if " " < char < "\x7f" and char != "," else "?" for char in name)
