"""The few words of JSON Schema that the checks themselves use. No validator for other people's schemas."""

import re

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def broken(value, schema: dict, path: str = "$") -> str | None:
    """Where `value` breaks `schema` first, like `$.legs: minimum`; None where it keeps it."""
    if "anyOf" in schema:
        return None if any(broken(value, one, path) is None for one in schema["anyOf"]) else f"{path}: anyOf"
    for word, keeps in _RULES.items():
        if word in schema and not keeps(value, schema[word]):
            return f"{path}: {word}"
    return _inside(value, schema, path)


def _inside(value, schema: dict, path: str) -> str | None:
    found = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if schema.get("additionalProperties") is False and value.keys() - known.keys():
            return f"{path}: additionalProperties"
        found = [broken(value[name], known[name], f"{path}.{name}") for name in value.keys() & known.keys()]
    if isinstance(value, list):
        found = [broken(item, schema.get("items", {}), f"{path}[{n}]") for n, item in enumerate(value)]
    return next((one for one in found if one), None)


def _is_type(value, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (not isinstance(value, bool) or name == "boolean")


_RULES = {
    "type": _is_type,
    "enum": lambda value, allowed: value in allowed,
    "required": lambda value, names: not isinstance(value, dict) or set(names) <= value.keys(),
    "minItems": lambda value, limit: not isinstance(value, list) or len(value) >= limit,
    "maxItems": lambda value, limit: not isinstance(value, list) or len(value) <= limit,
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "maxLength": lambda value, limit: not isinstance(value, str) or len(value) <= limit,
    "pattern": lambda value, form: not isinstance(value, str) or bool(re.search(form, value)),
}
