"""Fields of a request that nobody knows: named in a header, or refused where the server is strict."""

from pydantic import BaseModel

from zhinao.config import suggestion
from zhinao.lang import tr
from zhinao.serve.errors import ApiError

# Fields of OpenAI's API that change nothing here, so that leaving them out gives the same answer.
_HARMLESS = {"metadata", "store", "service_tier", "parallel_tool_calls", "safety_identifier", "prompt_cache_key"}


def unknown_fields(body: BaseModel, place: str = "") -> list[str]:
    """Dotted names, also of fields within known objects."""
    names = [f"{place}{name}" for name in (body.model_extra or {}) if name not in _HARMLESS]
    for name in type(body).model_fields:
        if isinstance(value := getattr(body, name), BaseModel):
            names += unknown_fields(value, f"{place}{name}.")
    return names


def ignored_headers(body: BaseModel, is_strict: bool) -> dict[str, str]:
    """`X-Zhinao-Ignored`, where there is something to name. Raises ApiError 400 where the server is strict."""
    names = unknown_fields(body)
    if not names:
        return {}
    if is_strict:
        known = suggestion(names[0], type(body).model_fields)
        raise ApiError(
            400,
            tr(f"Unknown field: {', '.join(names)}.", f"未知的字段：{', '.join(names)}。")
            + (f" → {known}" if known else ""),
            param=names[0],
            code="unknown_parameter",
        )
    return {"X-Zhinao-Ignored": ", ".join(_header_safe(name) for name in names)[:1000]}


def _header_safe(name: str) -> str:
    return "".join(char if " " < char < "\x7f" and char != "," else "?" for char in name)
