"""Fields of a request that nobody knows, and tools of types that only others have: named in a header, or refused where the server is strict."""

from collections.abc import Iterable, Mapping, Sequence

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
