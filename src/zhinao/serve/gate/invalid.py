"""What pydantic finds wrong with a body, as a refusal in both languages: no JSON is a 400, a field of a wrong type a 422 that names it."""

from collections.abc import Mapping, Sequence

from zhinao.lang import tr
from zhinao.serve.errors import ApiError

# Of pydantic's kinds those that our fields have; the names of types stay as programmers know them.
_CHINESE = {
    "missing": "缺少此字段",
    "string_type": "必须是字符串",
    "int_type": "必须是整数",
    "int_from_float": "必须是整数",
    "float_type": "必须是数字",
    "bool_type": "必须是 true 或 false",
    "list_type": "必须是列表",
    "dict_type": "必须是对象",
    "model_type": "必须是对象",
    "model_attributes_type": "必须是对象",
    "too_long": "最多 {max_length} 项",
    "greater_than_equal": "应 ≥ {ge}",
    "less_than_equal": "应 ≤ {le}",
}


def of(errors: Sequence[Mapping]) -> ApiError:
    """`errors` as `ValidationError.errors()` gives them; the first is told."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return _no_json(first)
    place = ".".join(str(part) for part in first["loc"][1:] if not _is_union_branch(part))
    english = first["msg"]
    known = _CHINESE.get(first["type"])
    chinese = known.format_map(first.get("ctx") or {}) if known else english
    code = "missing_required_parameter" if first["type"] == "missing" else None
    name = place or "body"
    return ApiError(422, tr(f"{name}: {english}.", f"{name}：{chinese}。"), param=place or None, code=code)


def _no_json(first: Mapping) -> ApiError:
    place, why = first["loc"][-1], first.get("ctx", {}).get("error", "")
    return ApiError(
        400,
        tr(f"The body is not JSON (at {place}: {why}).", f"请求体不是有效的 JSON（位置 {place}：{why}）。"),
        code="invalid_json",
    )


def _is_union_branch(part) -> bool:
    """Pydantic names the branch of a union in its places (`str`, `list[int]`), which is no field."""
    return isinstance(part, str) and (part in ("str", "int", "float", "bool") or "[" in part)
