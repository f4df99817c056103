"""Keywords of JSON Schema that would be passed over are found, with their place; what is enforced goes through."""

import json

import pytest

from zhinao.engine import openvino_schema
from zhinao.errors import UsageError

LOST = {
    "not at #": {"not": {"type": "string"}},
    "if at #": {"if": {}, "then": {}},
    "uniqueItems at #/properties/a": {"properties": {"a": {"type": "array", "uniqueItems": True}}},
    "multipleOf at #/items": {"items": {"type": "integer", "multipleOf": 3}},
    "contains at #/anyOf/1": {"anyOf": [{}, {"contains": {"type": "integer"}}]},
    "dependentRequired at #/\\$defs/b": {"$defs": {"b": {"dependentRequired": {"a": ["b"]}}}, "$ref": "#/$defs/b"},
    "allOf with 2 parts at #": {"allOf": [{"type": "object"}, {"required": ["a"]}]},
    "required beside anyOf at #": {"anyOf": [{"type": "object"}], "required": ["a"]},
    "properties beside \\$ref at #": {"$ref": "#/$defs/a", "properties": {}, "$defs": {"a": {}}},
    "maxLength beside pattern at #/prefixItems/0": {"prefixItems": [{"pattern": "a", "maxLength": 3}]},
}


@pytest.mark.parametrize("sentence", LOST)
def test_what_cannot_be_enforced_is_named(sentence):
    with pytest.raises(UsageError, match=f"uses {sentence}, which"):
        openvino_schema.check(json.dumps(LOST[sentence]))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "object", "properties": {"not": {"type": "string"}, "if": {}, "allOf": {}}, "required": ["not"]},
        {"enum": [{"not": 1}], "type": "object", "description": "x"},
        {"const": {"uniqueItems": True}, "default": {"if": 1}},
        {"type": "array", "uniqueItems": False, "items": {"$ref": "#"}},
        {"allOf": [{"type": "string"}], "title": "one part"},
        {"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a", "description": "beside it stands no constraint"},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    ],
)
def test_what_is_enforced_goes_through(schema):
    openvino_schema.check(json.dumps(schema))


@pytest.mark.parametrize("text", ["{", "", "{'a': 1}", "[" * 100_000, '{"not":' * 3000 + "1" + "}" * 3000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(UsageError, match="json_schema"):
        openvino_schema.check(text)
