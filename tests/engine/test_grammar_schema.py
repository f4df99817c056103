"""JSON schemas: every answer that is drawn keeps them, and what cannot be promised is refused by keyword and place."""

import json
import re
from datetime import date

import pytest

from tests.engine.grammar_sampler import Sampler
from zhinao.engine.base import Grammar
from zhinao.engine.grammar import written
from zhinao.engine.grammar.schema import rules_of
from zhinao.errors import UsageError

pytest.importorskip("openvino_genai")
INTEGER, TEXT = {"type": "integer"}, {"type": "string", "maxLength": 3}


@pytest.fixture(scope="module")
def sampler(home, tmp_path_factory):
    return Sampler(tmp_path_factory.mktemp("sampler") / "tiny")


def is_ascending(value):
    return [*value] == sorted(value)


def obj(required=(), **more):
    return {"type": "object", "required": list(required), **more}


KEPT = {
    "required, not listed": (obj("ab", properties={"a": INTEGER}), lambda v: {"a", "b"} <= v.keys() and type(v["a"]) is int),
    "required, by the rest": (obj("b", additionalProperties=INTEGER), lambda v: type(v["b"]) is int),
    "closed": (obj("a", properties={"a": INTEGER, "é": {}}, additionalProperties=False), lambda v: v.keys() <= {"a", "é"}),
    "further names are others": (
        obj(["é1"], properties={"é1": {"const": 1}, "é": {"const": 2}}, additionalProperties={"const": 3}),
        lambda v: all(v[k] == {"é1": 1, "é": 2}.get(k, 3) for k in v),
    ),
    "by pattern": (obj(patternProperties={"^é[0-9]{2}$": INTEGER}), lambda v: all(re.fullmatch(r"é\d\d", k) for k in v)),
    "names": (obj(propertyNames={"pattern": "^[à-é]{2}$"}), lambda v: all(re.fullmatch("[à-é]{2}", k) for k in v)),
    "names by a reference": (
        obj(propertyNames={"$ref": "#/$defs/n"}, **{"$defs": {"n": {"enum": ["é1", "b"]}}}),
        lambda v: v.keys() <= {"é1", "b"},
    ),
    "no names": (obj(propertyNames=False), lambda v: v == {}),
    "counted": (obj(properties={k: INTEGER for k in "abcde"}, minProperties=2, maxProperties=3), lambda v: 2 <= len(v) <= 3),
    "at most": (obj(additionalProperties=INTEGER, maxProperties=2, minProperties=1), lambda v: 1 <= len(v) <= 2),
    "no properties": (obj(properties={}), lambda v: v == {}),
    "items": ({"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 4}, lambda v: 2 <= len(v) <= 4),
    "many items": ({"type": "array", "items": {"const": 1}, "minItems": 50, "maxItems": 60}, lambda v: 50 <= len(v) <= 60),
    "first items": ({"prefixItems": [INTEGER, TEXT]}, lambda v: len(v) == 2 and type(v[0]) is int),
    "first and others": ({"prefixItems": [INTEGER], "items": {"type": "null"}, "maxItems": 3}, lambda v: set(v[1:]) <= {None}),
    "integers": ({"type": "integer", "minimum": -1205, "exclusiveMaximum": 1605}, lambda v: -1205 <= v < 1605),
    "integers from": ({"type": "integer", "exclusiveMinimum": 1573}, lambda v: v > 1573),
    "numbers": ({"type": "number", "exclusiveMinimum": -0.25, "maximum": 1.5}, lambda v: -0.25 < v <= 1.5),
    "small numbers": ({"type": "number", "minimum": 0.007, "exclusiveMaximum": 0.0125}, lambda v: 0.007 <= v < 0.0125),
    "older bounds": ({"type": "number", "minimum": 3, "exclusiveMinimum": True, "maximum": 4}, lambda v: 3 < v <= 4),
    "lengths": ({"type": "string", "minLength": 2, "maxLength": 5}, lambda v: 2 <= len(v) <= 5),
    "at least": ({"type": "string", "minLength": 60}, lambda v: len(v) >= 60),
    "pattern": ({"type": "string", "pattern": '^é"[\\\\\\n]{2}$', "maxLength": 4}, lambda v: re.fullmatch('é"[\\\\\n]{2}', v)),
    "date": ({"type": "string", "format": "date"}, date.fromisoformat),
    "one of types": ({"type": ["integer", "null"], "maximum": 3}, lambda v: v is None or v <= 3),
    "values of the type": ({"type": "string", "enum": ["é", 1, None]}, lambda v: v == "é"),
    "values that fit": ({"enum": ["é", "école"], "maxLength": 2}, lambda v: v == "é"),
    "all of": ({"allOf": [obj("a", properties={"a": INTEGER}), obj("b", properties={"b": TEXT})]}, lambda v: {*v} == {"a", "b"}),
    "beside a reference": (
        {"$ref": "#/$defs/a~1ß", "maximum": 9, "$defs": {"a/ß": {"type": "integer", "minimum": 5}}},
        lambda v: 5 <= v <= 9,
    ),
    "beside any of": ({"type": "string", "anyOf": [{"type": "integer"}, {"enum": ["a", 1]}]}, lambda v: v == "a"),
    "one of, told apart": (
        {"oneOf": [obj("k", properties={"k": {"const": k}, "v": {"type": t}}) for k, t in (("é", "null"), ("è", "boolean"))]},
        lambda v: v["k"] in "éè",
    ),
    "itself": (obj("n", properties={"n": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}}), lambda v: "n" in v),
    "anything": ({}, lambda v: True),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_every_answer_keeps_it(sampler, name):
    schema, keeps = KEPT[name]
    answers = [json.loads(text) for text in sampler.texts("json_schema", json.dumps(schema), num=12, num_tokens=1500)]
    assert answers
    for value in answers:
        assert keeps(value), value


LOST = {
    "not at #": {"not": {"type": "string"}},
    "if at #": {"if": {}, "then": {}},
    "uniqueItems at #/properties/a": {"properties": {"a": {"type": "array", "uniqueItems": True}}},
    "multipleOf at #/items": {"items": {"type": "integer", "multipleOf": 3}},
    "contains at #/anyOf/1": {"anyOf": [{}, {"contains": {"type": "integer"}}]},
    "dependentRequired at #": {"$defs": {"b": {"dependentRequired": {"a": ["b"]}}}, "$ref": "#/$defs/b"},
    "maxLength beside pattern at #/prefixItems/0": {"prefixItems": [{"pattern": "a+", "maxLength": 3}]},
    "minLength beside format at #": {"type": "string", "format": "date", "minLength": 11},
    "oneOf whose parts 0 and 1 may hold together": {"oneOf": [INTEGER, {"type": "number"}]},
    "minProperties at #": {"type": "object", "minProperties": 2},
    "pattern twice at #": {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
    "propertyNames beside patternProperties": {"propertyNames": {"maxLength": 3}, "patternProperties": {"a": {}}},
    "patternProperties that may overlap": {"patternProperties": {"a": INTEGER, "b": TEXT}},
    "properties beside enum": {"enum": [{"not": 1}], "properties": {"not": {"type": "string"}}},
}


@pytest.mark.parametrize("sentence", LOST)
def test_what_cannot_be_promised_is_named(sentence):
    with pytest.raises(UsageError, match=f"uses {re.escape(sentence)}.*which this engine cannot"):
        written(Grammar("json_schema", json.dumps(LOST[sentence])))


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "object", "properties": {"not": {"type": "string"}, "if": {}, "allOf": {}}, "required": ["not"]},
        {"enum": [{"not": 1}], "type": "object", "description": "x"},
        {"const": {"uniqueItems": True}, "default": {"if": 1}},
        {"type": "array", "uniqueItems": False, "items": {"$ref": "#"}},
        {"allOf": [{"type": "string"}], "title": "one part"},
        {"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a", "description": "beside it stands no constraint"},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        {"type": "string", "format": "password", "x-order": 3},
    ],
)
def test_what_is_kept_goes_through(schema):
    assert written(Grammar("json_schema", json.dumps(schema)))


NONE = ["{", "{'a': 1}", "[" * 100_000, '{"not":' * 3000 + "1" + "}" * 3000, '{"type": "strin"}', '{"enum": []}', "[]",
        '{"anyOf": {}}', '{"minLength": -1}', '{"maximum": "3"}', '{"required": "a"}', '{"properties": 5}', '{"const": NaN}',
        '{"$ref": "#/a", "a": {"$ref": "#/a"}}', '{"pattern": 3}', '{"items": 3}', '{"allOf": [{"$ref": "#"}, {"type": "null"}]}']  # fmt: skip


@pytest.mark.parametrize("text", NONE, ids=lambda text: text[:30])
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(UsageError):
        written(Grammar("json_schema", text))


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 3, "maximum": 2},
        obj("a", properties={"a": False}),
        obj("a", properties={"a": {"$ref": "#"}}),
        obj("b", properties={"a": {}}, additionalProperties=False),
    ],
)
def test_what_allows_nothing_is_refused(schema):
    with pytest.raises(UsageError, match="no text at all"):
        written(Grammar("json_schema", json.dumps(schema)))


def test_what_is_large_is_written_or_refused_soon():
    names = {f"name{n}": {"type": "string", "maxLength": n} for n in range(400)}
    assert len(written(Grammar("json_schema", json.dumps({"properties": names}))).splitlines()) > 800
    circles = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)} | {"a30": {"type": "null"}}
    with pytest.raises(UsageError, match="too often"):
        written(Grammar("json_schema", json.dumps({"$defs": circles, "$ref": "#/$defs/a0"})))
    with pytest.raises(UsageError, match="too many ways"):
        written(Grammar("regex", "(a|b)*a(a|b){24}"))


def test_blanks_between_words_have_an_end():
    """Without one a model that is lost goes on with line breaks until its limit, and the JSON never closes."""
    rules = rules_of('{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}')
    space = next(line for line in rules.splitlines() if line.startswith("space "))
    assert "*" not in space and "32" in space
