"""From the fields of a request to the engine's settings. Shared by chat and completions; what the engine cannot is refused here."""

import json

from zhinao.api import options
from zhinao.api.model import Model
from zhinao.api.options import Options
from zhinao.engine.base import Grammar
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.openai.schema import Sampled

_PLAIN = (
    "seed",
    "stop",
    "min_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "ignore_eos",
)
_GUIDED = {"guided_json": "json", "guided_regex": "regex", "guided_choice": "choice", "guided_grammar": "grammar"}


def read(body: Sampled, model: Model, **more) -> Options:
    """The settings of one answer. `more`: what only chat or only completions have, under the names of `api.options`.

    Raises ApiError 400 naming the field.
    """
    _refuse(body)
    given = {name: value for name in _PLAIN if (value := getattr(body, name)) is not None}
    if body.repeat_penalty is not None:
        given.setdefault("repetition_penalty", body.repeat_penalty)
    if given.get("stop") == []:
        del given["stop"]
    given |= {name: value for name, value in more.items() if value is not None}
    if given.get("temperature") == 0:
        given.pop("seed", None)  # nothing is drawn
    try:
        return options.read(given, model.sampling, model.stop_ids)
    except UsageError as error:
        raise ApiError(400, str(error), param=next((n for n in given if error.message.startswith(n)), None)) from None


def check_stream(body: Sampled) -> None:
    """Raises ApiError 400 for options of a stream where none is asked for."""
    if body.stream_options is not None and not body.stream:
        raise ApiError(
            400,
            tr("stream_options needs stream: true.", "stream_options 仅在 stream 为 true 时可用。"),
            param="stream_options",
        )
    asked = body.stream_options
    if asked and asked.continuous_usage_stats and not asked.include_usage:
        raise ApiError(
            400,
            tr(
                "continuous_usage_stats needs include_usage: true.",
                "continuous_usage_stats 需要 include_usage 为 true。",
            ),
            param="stream_options.continuous_usage_stats",
        )


def usage(body: Sampled) -> dict[str, bool]:
    """What a stream tells of tokens, as fields of `Job`."""
    asked = body.stream_options
    return {
        "has_usage": bool(asked and asked.include_usage),
        "has_running_usage": bool(asked and asked.continuous_usage_stats),
    }


def check_logprobs(field: str, num_top: int | None) -> None:
    """Raises ApiError 400 where more likelihoods of a token are asked for than the engine knows."""
    if (num_top or 0) > 1:
        raise _cannot(
            field,
            tr(
                f"The engine knows the likelihood of the chosen token alone: {field} may be 0 or 1.",
                f"引擎只提供所选 token 的概率：{field} 只能是 0 或 1。",
            ),
        )


def grammar(body: Sampled, response_format: dict | None = None) -> Grammar | None:
    """What the answer must conform to. Raises ApiError 400 for a form that is not known, or two at once."""
    found = [kind for kind in (_format(response_format), *_structured(body)) if kind]
    if len(found) > 1:
        raise ApiError(
            400,
            tr("More than one form is demanded of the answer.", "同时要求了多种输出格式。"),
            param="structured_outputs",
        )
    return found[0] if found else None


def _refuse(body: Sampled) -> None:
    if body.logit_bias:
        raise _cannot("logit_bias", tr("The engine cannot bias single tokens.", "引擎不支持 logit_bias。"))
    if getattr(body, "best_of", None) not in (None, body.n or 1):
        raise _cannot("best_of", tr("best_of is not offered; use n.", "不支持 best_of，请使用 n。"))
    if getattr(body, "suffix", None):
        raise _cannot("suffix", tr("These models cannot fill in before a suffix.", "这些模型不支持 suffix 填充。"))
    seed = body.seed
    if seed is not None and not 0 <= seed < 2**63:
        body.seed = seed % 2**63  # OpenAI's seeds may be negative


def _format(wanted: dict | None) -> Grammar | None:
    kind = (wanted or {}).get("type")
    if wanted is None or kind == "text":
        return None
    if kind == "json_object":
        return Grammar("json_schema", '{"type": "object"}')
    if kind == "json_schema":
        schema = wanted.get("json_schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("schema"), (dict, bool)):
            raise _cannot(
                "response_format.json_schema.schema",
                tr("A JSON schema is missing.", "缺少 JSON schema（schema 字段）。"),
            )
        return Grammar("json_schema", json.dumps(schema["schema"]))
    known = "text, json_object, json_schema"
    raise _cannot(
        "response_format.type", tr(f"{kind!r} is not known; known: {known}.", f"未知的类型 {kind!r}，可用：{known}。")
    )


def _structured(body: Sampled) -> list[Grammar]:
    wanted = dict(body.structured_outputs or {})
    for name, kind in _GUIDED.items():
        if (value := getattr(body, name)) is not None:
            wanted[kind] = value
    return [_guided(kind, value) for kind, value in wanted.items() if value is not None]


def _guided(kind: str, value) -> Grammar:
    field = f"structured_outputs.{kind}"
    if kind == "json_object" and value is True:
        return Grammar("json_schema", '{"type": "object"}')
    if kind == "json" and isinstance(value, (str, dict)):
        return Grammar("json_schema", value if isinstance(value, str) else json.dumps(value))
    if kind == "choice" and isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
        return Grammar("ebnf", "root ::= " + " | ".join(_literal(choice) for choice in value))
    if kind in ("regex", "grammar") and isinstance(value, str):
        return Grammar("regex" if kind == "regex" else "ebnf", value)
    raise _cannot(
        field,
        tr("Not a form; known: json, regex, choice, grammar.", "格式无效，可用：json、regex、choice、grammar。"),
    )


def _literal(text: str) -> str:
    """A text as a literal of EBNF."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _cannot(param: str, message: str) -> ApiError:
    return ApiError(400, message, param=param, code="unsupported_value")
