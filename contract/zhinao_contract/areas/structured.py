"""Output that keeps a form: JSON, JSON schemas, regular expressions, choices, grammars; and forms that are none."""

import json
import re

from zhinao_contract import schema
from zhinao_contract.contract import check
from zhinao_contract.expect import equal, expect, fail, one_of, refused, short, skip
from zhinao_contract.server import Server

ANIMAL = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": ["fox", "raven"]}, "is_wild": {"type": "boolean"}},
    "required": ["kind", "is_wild"],
    "additionalProperties": False,
}


def _format(schema: dict) -> dict:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    }


def _read(text: str, finish: str | None, wanted: dict | None = None):
    """The answer as JSON that keeps the schema."""
    try:
        value = json.loads(text)
    except ValueError:
        if finish == "length":
            skip(f"the model did not finish its JSON: {short(text)}", f"模型没有写完 JSON：{short(text)}")
        fail(f"the answer is not JSON: {short(text)}", f"回答不是 JSON：{short(text)}")
    broken = schema.broken(value, wanted or {})
    expect(not broken, f"{short(text)} breaks the schema: {broken}", f"{short(text)} 不符合模式：{broken}")
    return value


def _keeps(server: Server, wanted: dict, prompt: str = "Describe an animal as JSON.", **fields):
    for temperature in (0, 1.0):
        fields = {"max_tokens": 300, "seed": 1, **fields, "temperature": temperature}
        answer = server.chat(prompt, **fields, **_format(wanted))
        value = _read(answer.said(), answer.finish(), wanted)
    return value


def _object(**properties) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@check("structured.json-object", "M", "json_object gives a JSON object")
def json_object(server: Server):
    fields = {"response_format": {"type": "json_object"}, "max_tokens": 200}
    for prompt in ('Answer with the JSON {"ok": true} and nothing else.', "Name an animal as a small JSON object."):
        answer = server.chat(prompt, **fields)
        expect(
            answer.said().lstrip().startswith("{"),
            f"the answer is {short(answer.said())}",
            f"回答为 {short(answer.said())}",
        )
        if answer.finish() == "stop":
            equal("the type of the answer", type(_read(answer.said(), "stop")).__name__, "dict")
            return
    skip("the model finished no JSON in 200 tokens", "模型在 200 个 token 内没有写完 JSON")


@check("structured.schema", "M", "json_schema: an object with an enum and a boolean")
def flat(server: Server):
    _keeps(server, ANIMAL)


@check("structured.schema-nested", "M", "objects within objects")
def nested(server: Server):
    _keeps(server, _object(pair=_object(first=ANIMAL, second=ANIMAL)))


@check("structured.schema-array", "M", "an array of 2 or 3 items")
def array(server: Server):
    _keeps(server, _object(animals={"type": "array", "items": ANIMAL, "minItems": 2, "maxItems": 3}))


@check("structured.schema-numbers", "M", "whole numbers within bounds")
def numbers(server: Server):
    _keeps(server, _object(legs={"type": "integer", "minimum": 2, "maximum": 8}))


@check("structured.schema-chinese", "M", "Chinese keys and values")
def chinese(server: Server):
    _keeps(server, _object(**{"动物": {"type": "string", "enum": ["狐狸", "乌鸦"]}}), "用 JSON 描述一种动物。")


@check("structured.schema-string", "S", "a string with a pattern")
def pattern(server: Server):
    _keeps(server, _object(code={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}))


@check("structured.schema-max-length", "S", "a string of at most 8 characters")
def max_length(server: Server):
    _keeps(server, _object(name={"type": "string", "maxLength": 8}))


@check("structured.schema-any-of", "S", "anyOf")
def any_of(server: Server):
    _keeps(server, _object(value={"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["unknown"]}]}))


@check("structured.schema-null", "S", "a type that may be null")
def null(server: Server):
    _keeps(server, _object(owner={"anyOf": [{"type": "null"}, ANIMAL]}))


@check("structured.schema-refs", "S", "$defs and $ref")
def refs(server: Server):
    wanted = {**_object(animal={"$ref": "#/$defs/animal"}), "$defs": {"animal": ANIMAL}}
    answer = server.chat("Describe an animal as JSON.", max_tokens=200, **_format(wanted))
    _read(answer.said(), answer.finish(), _object(animal=ANIMAL))


@check("structured.stream", "M", "a streamed answer keeps the schema, and is the same")
def stream(server: Server):
    seen = server.chat_stream("Describe an animal as JSON.", max_tokens=200, **_format(ANIMAL))
    _read(seen.text(), seen.finishes()[0], ANIMAL)
    answer = server.chat("Describe an animal as JSON.", max_tokens=200, **_format(ANIMAL))
    equal("the streamed text", seen.text(), answer.said())


@check("structured.ends", "M", "a finished form ends the answer with stop")
def ends(server: Server):
    answer = server.chat("Describe an animal as JSON.", max_tokens=300, **_format(ANIMAL))
    equal("finish_reason", answer.finish(), "stop")


@check("structured.n", "S", "every choice of n keeps the schema")
def several(server: Server):
    answer = server.chat("Describe an animal as JSON.", n=3, temperature=1.0, max_tokens=200, **_format(ANIMAL))
    for index in range(3):
        _read(answer.said(index), answer.finish(index), ANIMAL)


@check("structured.text", "M", "response_format text is as if it were not there")
def text(server: Server):
    equal("the text", server.chat(response_format={"type": "text"}).said(), server.chat().said())


def _extra(server: Server, **ways) -> str:
    """The answer under the first of these request fields that is not refused; vLLM's names, new and old."""
    replies = [server.try_chat("Say something.", max_tokens=60, **{name: value}) for name, value in ways.items()]
    good = [r for r in replies if r.status == 200]
    expect(
        good,
        f"{' and '.join(ways)} were refused: {short(replies[0].text())}",
        f"{list(ways)} 均被拒绝：{short(replies[0].text())}",
    )
    return [r.json()["choices"][0]["message"]["content"] or "" for r in good]


@check(
    "structured.regex",
    "S",
    "a regular expression (structured_outputs.regex, guided_regex)",
)
def regex(server: Server):
    form = r"[A-F]{3}-[0-9]{4}"
    texts = _extra(server, structured_outputs={"regex": form}, guided_regex=form)
    expect(any(re.fullmatch(form, t) for t in texts), f"the answers are {short(texts)}", f"回答为 {short(texts)}")


@check(
    "structured.choice",
    "S",
    "a choice (structured_outputs.choice, guided_choice)",
)
def choice(server: Server):
    words = ["crimson", "ultramarine"]
    texts = _extra(server, structured_outputs={"choice": words}, guided_choice=words)
    expect(set(texts) & set(words), f"the answers are {short(texts)}", f"回答为 {short(texts)}")


@check(
    "structured.grammar",
    "S",
    "a grammar (structured_outputs.grammar, guided_grammar)",
)
def grammar(server: Server):
    form = 'root ::= pair (" " pair)?\npair ::= "fox" digit | "raven" digit\ndigit ::= [0-9]\n'
    texts = _extra(server, structured_outputs={"grammar": form}, guided_grammar=form)
    good = [t for t in texts if re.fullmatch(r"(fox|raven)\d( (fox|raven)\d)?", t)]
    expect(good, f"the answers are {short(texts)}", f"回答为 {short(texts)}")


@check(
    "structured.json",
    "S",
    "a schema by structured_outputs.json, guided_json",
)
def guided_json(server: Server):
    texts = _extra(server, structured_outputs={"json": ANIMAL}, guided_json=ANIMAL)
    good = [t for t in texts if t.startswith("{") and not schema.broken(json.loads(t), ANIMAL)]
    expect(good, f"the answers are {short(texts)}", f"回答为 {short(texts)}")


@check("structured.completions", "S", "completions keep a form too")
def completions(server: Server):
    answer = server.complete("An animal as JSON: ", max_tokens=200, **_format(ANIMAL))
    _read(answer.said(), answer.finish(), ANIMAL)


@check(
    "structured.bad-schema",
    "M",
    "a schema that is none is a 400, and the server lives on",
)
def bad_schema(server: Server):
    refused(server.try_chat(**_format({"type": "no-such-type"})), 400, 422)
    refused(server.try_chat(**_format({"type": "object", "properties": 5})), 400, 422)
    one_of("finish_reason afterwards", server.chat().finish(), ("stop", "length"))


@check(
    "structured.bad-regex",
    "S",
    "a regular expression that is none is a 400, and the server lives on",
)
def bad_regex(server: Server):
    refused(server.try_chat(structured_outputs={"regex": "([a-z"}), 400, 422)
    one_of("finish_reason afterwards", server.chat().finish(), ("stop", "length"))


@check(
    "structured.bad-grammar",
    "S",
    "a grammar that is none is a 400, and the server lives on",
)
def bad_grammar(server: Server):
    refused(server.try_chat(structured_outputs={"grammar": 'root ::= nowhere "'}), 400, 422)
    one_of("finish_reason afterwards", server.chat().finish(), ("stop", "length"))


@check(
    "structured.unknown-type",
    "M",
    "an unknown response_format is a 400 that names it",
)
def unknown_type(server: Server):
    refused(server.try_chat(response_format={"type": "xml"}), 400, 422, naming=("response_format",))


@check("structured.missing-schema", "M", "json_schema without a schema is a 400")
def missing_schema(server: Server):
    refused(server.try_chat(response_format={"type": "json_schema"}), 400, 422, naming=("json_schema",))
