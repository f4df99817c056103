"""`/v1/responses`: what a request to OpenAI's Responses API means as a request to `/v1/chat/completions`. Pure; runs nothing.

Stateless: whatever refers to something kept on a server is refused. Shapes of answers: `object.py`; of streams:
`events.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zhinao.lang import tr
from zhinao.serve.openai.responses.input import is_foreign_item, messages, refused
from zhinao.serve.openai.schema import foreign_tools, is_foreign_tool

# Same name and meaning in both APIs, or ours.
_PASSED = (
    *("model", "stream", "temperature", "top_p", "user", "seed", "stop", "top_k", "min_p", "min_tokens", "ignore_eos"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "logit_bias"),
    *("thinking_budget", "chat_template_kwargs", "parallel_tool_calls"),
    *("structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"),
)
_READ = ("input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "include", "top_logprobs")
# They change nothing about the answer; `metadata` and others come back in it.
_HARMLESS = ("store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
_LOGPROBS = "message.output_text.logprobs"


@dataclass(frozen=True)
class ChatForm:
    """`chat` is the body of a chat request; `ignored` are names of fields (dotted) that have no effect."""

    chat: dict
    ignored: tuple[str, ...]


def chat_form(body: Mapping) -> ChatForm:
    """Raises ApiError 400 naming the field (`param`) for what cannot be meant or is not kept here."""
    body = {name: value for name, value in body.items() if value is not None}
    _refuse_state(body)
    chat = {name: body[name] for name in _PASSED if name in body}
    chat["messages"] = messages(body.get("input"), body.get("instructions"))
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    chat |= _tools(body) | _text_format(body.get("text", {})) | _logprobs(body)
    if body.get("stream"):
        chat["stream_options"] = {"include_usage": True}  # the last event tells it
    return ChatForm(chat, tuple(_ignored(body)))


def _refuse_state(body: Mapping) -> None:
    hint = tr("send the whole conversation in input", "请在 input 中发送完整对话")
    for name in ("previous_response_id", "conversation", "prompt"):
        if name in body:
            what = tr(
                f"This server keeps no responses, so there is nothing that it could refer to → {hint}",
                f"服务器不保存任何响应，无法引用 → {hint}",
            )
            raise refused(name, what)
    if body.get("background"):
        raise refused("background", tr("This server runs nothing in the background", "服务器不支持后台运行"))


def _tools(body: Mapping) -> dict:
    tools = body.get("tools", [])
    if not isinstance(tools, list):
        raise refused("tools", tr("It must be a list", "必须是列表"))
    nested = [_tool(f"tools[{n}]", tool) for n, tool in enumerate(tools) if not is_foreign_tool(tool)]
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        nested, choice = _allowed(nested, choice)
    elif isinstance(choice, Mapping):
        choice = _function(choice)
    return ({"tools": nested} if nested else {}) | ({"tool_choice": choice} if choice is not None else {})


def _tool(place: str, tool) -> dict:
    """The flat form of this API in the nested form of the other."""
    if not isinstance(tool, Mapping):
        raise refused(place, tr("It must be an object", "必须是对象"))
    if tool.get("type") != "function":
        raise refused(f"{place}.type", tr("It must be text", "必须是文本"))
    if not isinstance(tool.get("name"), str):
        raise refused(f"{place}.name", tr("It must be text", "必须是文本"))
    names = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: tool[name] for name in names if tool.get(name) is not None}}


def _function(choice) -> dict:
    if isinstance(choice, Mapping) and choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    form = '"none", "auto", "required", {"type": "function", "name": "…"}'
    raise refused("tool_choice", tr(f"It is {choice!r}; allowed: {form}", f"为 {choice!r}，可用：{form}"))


def _allowed(tools: list[dict], choice: Mapping) -> tuple[list[dict], str]:
    """`allowed_tools`: the model is told of these alone."""
    listed, mode = choice.get("tools"), choice.get("mode")
    if not isinstance(listed, list) or mode not in ("auto", "required"):
        what = tr(
            "allowed_tools needs tools and a mode, auto or required",
            "allowed_tools 需要 tools 和 mode（auto 或 required）",
        )
        raise refused("tool_choice", what)
    names = [_function(one)["function"]["name"] for one in listed if not is_foreign_tool(one)]
    return [tool for tool in tools if tool["function"]["name"] in names], mode


def _text_format(text) -> dict:
    """`text.format` as `response_format`."""
    form = text.get("format") if isinstance(text, Mapping) else text
    if form is None:
        return {}
    kind = form.get("type") if isinstance(form, Mapping) else None
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": kind}}
    if kind == "json_schema":
        inner = {name: form[name] for name in ("name", "description", "schema", "strict") if form.get(name) is not None}
        return {"response_format": {"type": kind, "json_schema": inner}}
    what = tr(
        f"{kind!r} is not known; known: text, json_object, json_schema",
        f"不支持 {kind!r}，可用：text、json_object、json_schema",
    )
    raise refused("text.format.type", what)


def _logprobs(body: Mapping) -> dict:
    if not isinstance(body.get("include", []), list):
        raise refused("include", tr("It must be a list", "必须是列表"))
    if _LOGPROBS not in (body.get("include") or ()):
        return {}
    return {"logprobs": True} | ({"top_logprobs": body["top_logprobs"]} if "top_logprobs" in body else {})


def _ignored(body: Mapping) -> list[str]:
    """Fields without effect, also within the objects that are read."""
    names = []
    for name, value in body.items():
        if name in ("reasoning", "stream_options") and isinstance(value, Mapping):
            names += [f"{name}.{key}" for key, inner in value.items() if inner is not None]
        elif name == "text" and isinstance(value, Mapping):
            names += [f"text.{key}" for key in value if key != "format"]
        elif name == "tools" and isinstance(value, list):
            names += foreign_tools(value)
        elif name == "input" and isinstance(value, list):
            names += dict.fromkeys(f"input.{item['type']}" for item in value if is_foreign_item(item))
        elif name == "include" and isinstance(value, list):
            names += [f"include.{one}" for one in value if one != _LOGPROBS]
        elif name == "truncation" and value == "disabled":
            continue  # nothing is ever cut here
        elif name == "background" and value is False:
            continue
        elif name not in (*_PASSED, *_READ, *_HARMLESS):
            names.append(name)
    if "top_logprobs" in body and _LOGPROBS not in (body.get("include") or ()):
        names.append("top_logprobs")
    return names
