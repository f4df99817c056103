"""Whether a JSON schema is one at all: every keyword that is read has the type that it must have, in the schema and its parts."""

from collections.abc import Iterator

from zhinao.errors import UsageError
from zhinao.lang import tr

_PART = ("additionalProperties", "unevaluatedProperties", "propertyNames", "unevaluatedItems", "additionalItems")
_PARTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_NUMBERS = ("minimum", "maximum", "multipleOf")
_BOUNDS = ("exclusiveMinimum", "exclusiveMaximum")


def wrong(what: str, place: str) -> UsageError:
    return UsageError(tr(f"The json_schema is none at {place}: {what}.", f"json_schema 在 {place} 处无效：{what}。"))


def check(schema, place: str) -> None:
    """Raises UsageError with the place."""
    waiting = [(schema, place)]
    while waiting:
        part, where = waiting.pop()
        if isinstance(part, bool):
            continue
        if not isinstance(part, dict):
            raise wrong(tr("a schema is an object, true or false", "schema 必须是对象、true 或 false"), where)
        for key, is_good in _KEYWORDS.items():
            if key in part and not is_good(part[key]):
                raise wrong(tr(f"{key} is {_short(part[key])}", f"{key} 为 {_short(part[key])}"), where)
        waiting += [(inner, f"{where}/{name}") for inner, name in _parts(part)]


def _parts(schema: dict) -> Iterator[tuple]:
    for key in _PART:
        if key in schema:
            yield schema[key], key
    for key in (*_PARTS, "items"):
        found = schema.get(key)
        if isinstance(found, list):
            yield from ((part, f"{key}/{n}") for n, part in enumerate(found))
        elif found is not None:
            yield found, key
    for key in _NAMED:
        yield from ((part, f"{key}/{name}") for name, part in schema.get(key, {}).items())


def _is_number(found) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool)


def _is_count(found) -> bool:
    return _is_number(found) and found >= 0 and found == found // 1


def _is_names(found) -> bool:
    return isinstance(found, list) and all(isinstance(name, str) for name in found)


def _is_filled(found) -> bool:
    return isinstance(found, list) and bool(found)


def _short(found) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}…"


_KEYWORDS = {
    **dict.fromkeys((*_PARTS, "enum"), _is_filled),
    **dict.fromkeys(_NAMED, lambda found: isinstance(found, dict)),
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(_NUMBERS, _is_number),
    **dict.fromkeys(_BOUNDS, lambda found: _is_number(found) or isinstance(found, bool)),
    **dict.fromkeys(("pattern", "$ref"), lambda found: isinstance(found, str)),
    "required": _is_names,
    "uniqueItems": lambda found: isinstance(found, bool),
    "type": lambda found: isinstance(found, str) or (_is_names(found) and found),
}
