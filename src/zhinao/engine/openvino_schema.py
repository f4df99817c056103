"""What of JSON Schema the grammar library inside OpenVINO GenAI would pass over without a word, found before it is asked.

Walks the schema; whether the rest is right is the library's own business (`openvino_grammar.py`).
"""

import json
from collections.abc import Iterator

from zhinao.errors import UsageError
from zhinao.lang import tr

_ONE = ("additionalProperties", "unevaluatedProperties", "propertyNames", "items", "unevaluatedItems")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_IGNORED = (
    "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "multipleOf",
    "uniqueItems", "contains", "minContains", "maxContains", "additionalItems", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
# In this order: the first that is there counts, what constrains beside it does not.
_ALONE = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
_CONSTRAINTS = {
    *_ALONE, "properties", "patternProperties", "propertyNames", "required", "additionalProperties",
    "unevaluatedProperties", "minProperties", "maxProperties", "items", "prefixItems", "unevaluatedItems", "minItems",
    "maxItems", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum",
}  # fmt: skip


def check(text: str) -> None:
    """Raise UsageError for text that is no JSON, and for keywords whose constraint would be lost, with their place."""
    try:
        schema = json.loads(text)
        found = next(_lost(schema, "#"), None)
    except ValueError as error:
        raise UsageError(
            tr(f"The json_schema is no JSON: {error}.", f"json_schema 不是合法的 JSON：{error}。")
        ) from None
    except RecursionError:
        raise UsageError(tr("The json_schema is nested too deeply.", "json_schema 嵌套过深。")) from None
    if found:
        raise UsageError(
            tr(
                f"The json_schema uses {found}, which this engine cannot enforce.",
                f"json_schema 使用了 {found}，此引擎无法保证。",
            ),
            tr("leave it out, and check the answer yourself", "请去掉它，并自行检查回答"),
        )


def _lost(schema, place: str) -> Iterator[str]:
    """The keywords without effect in a schema and its parts, as `keyword at place`."""
    if not isinstance(schema, dict):
        return
    for key in _IGNORED:
        if schema.get(key, False) is not False:
            yield f"{key} at {place}"
    if (alone := next((key for key in _ALONE if key in schema), None)) and (beside := _beside(schema, alone)):
        yield f"{beside} beside {alone} at {place}"
    if isinstance(several := schema.get("allOf"), list) and len(several) > 1:
        yield f"allOf with {len(several)} parts at {place}"
    if "pattern" in schema and (beside := {"minLength", "maxLength", "format"} & schema.keys()):
        yield f"{min(beside)} beside pattern at {place}"
    for part, name in _parts(schema):
        yield from _lost(part, f"{place}/{name}")


def _beside(schema: dict, alone: str) -> str | None:
    return min((schema.keys() & _CONSTRAINTS) - {alone}, default=None)


def _parts(schema: dict) -> Iterator[tuple]:
    for key in _ONE:
        yield schema.get(key), key
    for key in _MANY:
        parts = schema.get(key)
        yield from ((part, f"{key}/{n}") for n, part in enumerate(parts if isinstance(parts, list) else ()))
    for key in _NAMED:
        parts = schema.get(key)
        yield from ((part, f"{key}/{name}") for name, part in (parts.items() if isinstance(parts, dict) else ()))
