"""Schemas joined into one that demands what each of them does, and told apart where only one of several may hold.

Knows no trees. What cannot be decided is refused by name.
"""

import json
import re

from zhinao.engine.grammar.shape import wrong
from zhinao.errors import UsageError
from zhinao.lang import tr

OBJECT = ("properties", "patternProperties", "propertyNames", "required", "additionalProperties",
          "unevaluatedProperties", "minProperties", "maxProperties")  # fmt: skip
ARRAY = ("items", "prefixItems", "additionalItems", "unevaluatedItems", "minItems", "maxItems", "uniqueItems")
STRING = ("pattern", "format", "minLength", "maxLength")
NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
PARTS = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
CONSTRAINTS = frozenset(("type", *PARTS, *OBJECT, *ARRAY, *STRING, *NUMBER))
KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")
_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def lost(what: str, place: str) -> UsageError:
    return UsageError(
        tr(
            f"The json_schema uses {what} at {place}, which this engine cannot enforce.",
            f"json_schema 在 {place} 使用了 {what}，此引擎无法保证。",
        ),
        tr("leave it out, and check the answer yourself", "请去掉它，并自行检查回答"),
    )


def constraints(schema: dict) -> dict:
    return {key: found for key, found in schema.items() if key in CONSTRAINTS}


def kinds(schema: dict, place: str) -> list[str]:
    """The types that it allows and says something of; all where it says nothing. Raises UsageError."""
    given = schema.get("type")
    if given is not None:
        listed = given if isinstance(given, list) else [given]
        for kind in listed:
            if kind not in KINDS:
                raise wrong(tr(f"Unsupported type {json.dumps(kind)}", f"未知的类型 {json.dumps(kind)}"), place)
        return [kind for kind in listed if kind != "integer" or "number" not in listed]
    groups = {"object": OBJECT, "array": ARRAY, "string": STRING, "number": NUMBER}
    return [kind for kind, keys in groups.items() if any(key in schema for key in keys)] or [
        kind for kind in KINDS if kind != "integer"
    ]


def kind_of(value) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    named = {dict: "object", list: "array", str: "string", int: "integer", type(None): "null"}
    return named[type(value)]


def same(one, other) -> bool:
    """Whether two values are one to JSON: 1 is 1.0, and not true."""
    return _key(one) == _key(other)


def _key(value):
    if isinstance(value, list):
        return ["array", *map(_key, value)]
    if isinstance(value, dict):
        return {key: _key(item) for key, item in value.items()}
    return (
        ("number", value)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else (str(type(value)), value)
    )


def allows_kind(schema: dict, value) -> bool:
    given = schema.get("type")
    listed = given if isinstance(given, list) else [given]
    kind = kind_of(value)
    return given is None or kind in listed or (kind == "integer" and "number" in listed)


def joined(one, other, place: str):
    """Raises UsageError for what cannot be joined."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        both = [part for part in (one, other) if part is not True]
        return False if False in both else both[0] if both else True
    if (set(OBJECT) & one.keys()) and (set(OBJECT) & other.keys()):
        one, other = _closed(one, other, place), _closed(other, one, place)
    result = dict(one)
    for key, theirs in constraints(other).items():
        result[key] = _both(key, result[key], theirs, place) if key in result else theirs
    return result


def _closed(one: dict, other: dict, place: str) -> dict:
    """`one` with what it says of the names that only `other` has."""
    both = one.keys() | other.keys()
    if both & {"patternProperties", "propertyNames", "unevaluatedProperties"}:
        raise lost(
            tr(
                "patternProperties or propertyNames beside other properties",
                "与其他属性并列的 patternProperties 或 propertyNames",
            ),
            place,
        )
    if (rest := one.get("additionalProperties", True)) in (True, {}):
        return one
    names = [*other.get("properties", {}), *other.get("required", ())]
    more = {name: rest for name in names if name not in one.get("properties", {})}
    return {**one, "properties": {**one.get("properties", {}), **more}}


def _both(key: str, one, other, place: str):
    if key in _LARGER + _SMALLER and not isinstance(one, bool) and not isinstance(other, bool):
        return (max if key in _LARGER else min)(one, other)
    if key == "type":
        return _types(one, other)
    if key == "required":
        return [*one, *(name for name in other if name not in one)]
    if key == "properties":
        return one | {
            name: joined(one[name], part, f"{place}/properties/{name}") if name in one else part
            for name, part in other.items()
        }
    if key in ("items", "additionalProperties") and not isinstance(one, list) and not isinstance(other, list):
        return joined(one, other, f"{place}/{key}")
    if key == "enum":
        return [value for value in one if any(same(value, theirs) for theirs in other)]
    if key == "uniqueItems":
        return bool(one or other)
    if same(one, other):
        return one
    raise lost(tr(f"{key} twice", f"两个 {key}"), place)


def _types(one, other) -> list[str]:
    first, second = ([kinds] if isinstance(kinds, str) else kinds for kinds in (one, other))
    found = [kind for kind in first if kind in second or (kind == "integer" and "number" in second)]
    return found + [kind for kind in second if kind == "integer" and "number" in first and kind not in found]


def are_apart(one, other, resolve, depth: int = 0) -> bool:
    """Whether no value that is written for `one` fits `other`. False where that is not known. `resolve`: of references."""
    one, other = resolve(one), resolve(other)
    if one is False or other is False:
        return True
    if not isinstance(one, dict) or not isinstance(other, dict) or depth > 20:
        return False
    for key in ("anyOf", "oneOf"):
        if isinstance(other.get(key), list):
            return all(are_apart(one, part, resolve, depth + 1) for part in other[key])
        if isinstance(one.get(key), list):
            return all(are_apart(part, other, resolve, depth + 1) for part in one[key])
    if (values := _values(one)) is not None:
        return all(_is_outside(value, other) for value in values)
    if (values := _values(other)) is not None:
        return all(_is_outside(value, one) for value in values)
    if "allOf" in one or "allOf" in other:
        return False
    mine, theirs = _wide(kinds(one, "")), _wide(kinds(other, "") if "type" in other else list(KINDS))
    if not mine & theirs:
        return True
    if mine & theirs == {"object"}:
        return _objects_apart(one, other, resolve, depth)
    if mine & theirs <= {"number", "integer"}:
        return _bounds_apart(one, other) or _bounds_apart(other, one)
    return False


def _wide(found: list[str]) -> set[str]:
    return {*found, "integer"} if "number" in found else set(found)


def _values(schema: dict) -> list | None:
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if isinstance(schema.get("enum"), list) else None


def _is_outside(value, schema: dict) -> bool:
    """Whether a value certainly does not fit."""
    if not allows_kind(schema, value):
        return True
    if (values := _values(schema)) is not None:
        return not any(same(value, one) for one in values)
    if isinstance(value, str):
        return fits(value, schema) is False
    return isinstance(value, dict) and any(name not in value for name in schema.get("required", ()))


def _objects_apart(one: dict, other: dict, resolve, depth: int) -> bool:
    for name in one.get("required", ()):
        mine, theirs = one.get("properties", {}).get(name, True), other.get("properties", {}).get(name)
        if theirs is None and "patternProperties" not in other and other.get("additionalProperties") is False:
            return True
        if theirs is not None and are_apart(mine, theirs, resolve, depth + 1):
            return True
    is_closed = (
        not (one.keys() & {"patternProperties", "propertyNames"}) and one.get("additionalProperties", False) is False
    )
    known = {*one.get("properties", {}), *one.get("required", ())}
    return is_closed and "properties" in one and any(name not in known for name in other.get("required", ()))


def _bounds_apart(low: dict, high: dict) -> bool:
    tops = [low[key] for key in ("maximum", "exclusiveMaximum") if _is_number(low.get(key))]
    bottoms = [high[key] for key in ("minimum", "exclusiveMinimum") if _is_number(high.get(key))]
    if not tops or not bottoms:
        return False
    is_open = min(tops) == low.get("exclusiveMaximum") or max(bottoms) == high.get("exclusiveMinimum")
    return min(tops) < max(bottoms) or (min(tops) == max(bottoms) and is_open)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fits(text: str, schema) -> bool | None:
    """Whether a string fits what a schema says of strings; None where that is not known."""
    if isinstance(schema, bool):
        return schema
    known = {"type", "pattern", "minLength", "maxLength", "enum", "const"}
    if not allows_kind(schema, text) or ((values := _values(schema)) is not None and text not in values):
        return False
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text)):
        return False
    if "pattern" in schema and (found := is_match(schema["pattern"], text)) is not True:
        return found
    return None if (CONSTRAINTS & schema.keys()) - known - {*OBJECT, *ARRAY, *NUMBER} else True


def is_match(pattern: str, text: str) -> bool | None:
    """Whether the pattern is found in the text; None where this cannot be told."""
    try:
        found = {re.search(pattern, text, flags) is not None for flags in (0, re.ASCII)}
    except (re.error, TypeError):
        return None
    return found.pop() if len(found) == 1 else None
