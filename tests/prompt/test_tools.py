"""`tools` and `tool_choice` of a request: what is refused, and what they mean for prompt, grammar and answer."""

import json

import pytest

from zhinao.errors import UsageError
from zhinao.prompt import tools
from zhinao.prompt.tools import ToolUse, read

PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}


def tool(name="f", **function):
    return {"type": "function", "function": {"name": name, **function}}


def test_choices():
    offered = [tool("f"), tool("g", parameters=PARAMETERS)]
    assert read(None) == read([], "auto").__class__() == ToolUse()
    assert read(offered).choice == "auto" and read(offered).shown == offered
    assert read(offered, "none").shown is None and read(offered, "none").splitter() is None
    assert read(offered, "auto").grammar() is None and read(offered).splitter()
    assert read(None, "none").splitter() is None
    named = read(offered, {"type": "function", "function": {"name": "g"}})
    assert (named.choice, named.named, named.is_forced) == ("required", "g", True)


def test_the_request_stays_as_it_is():
    offered = [tool("f", parameters=PARAMETERS)]
    shown = read(offered).shown
    shown[0]["function"]["parameters"]["properties"].clear()
    assert offered == [tool("f", parameters=PARAMETERS)] and PARAMETERS["properties"]


def test_grammar_of_one_and_of_several():
    offered = [tool("f"), tool("g", parameters=PARAMETERS)]
    kind, text = read(offered, {"type": "function", "function": {"name": "g"}}).grammar()
    schema = json.loads(text)
    assert kind == "json_schema"
    assert schema["properties"] == {"name": {"const": "g"}, "arguments": PARAMETERS}
    assert list(schema["properties"]) == schema["required"] == ["name", "arguments"]
    assert schema["additionalProperties"] is False
    several = json.loads(read(offered, "required").grammar()[1])["anyOf"]
    assert [call["properties"]["name"]["const"] for call in several] == ["f", "g"]
    assert several[0]["properties"]["arguments"] == {"type": "object", "properties": {}}


def test_references_inside_parameters_still_meet_their_target():
    parameters = {
        "type": "object",
        "properties": {"first": {"$ref": "#/$defs/Point"}, "rest": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["first"],
        "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
    }
    offered = [tool("f", parameters=parameters), tool("g", parameters=parameters)]
    for choice in ("required", {"type": "function", "function": {"name": "g"}}):
        schema = json.loads(read(offered, choice).grammar()[1])
        call = schema["anyOf"][1] if "anyOf" in schema else schema
        arguments = target(schema, call["properties"]["arguments"])
        first = arguments["properties"]["first"]
        assert target(schema, first) == parameters["$defs"]["Point"]
        assert target(schema, arguments["properties"]["rest"]["items"]) == arguments


def target(schema, reference):
    """What a `$ref` points to."""
    found = schema
    for key in reference["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def test_a_forced_answer_is_read_without_tags():
    splitter = read([tool("f")], "required").splitter()
    pieces = splitter.feed('{"name": "f", "arguments": {}}') + splitter.finish()
    assert [piece.kind for piece in pieces] == ["call", "arguments", "end"]


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        ("f", r"tools: must be a list"),
        ([3], r"tools\[0\]: must be an object"),
        ([tool(), {"type": "retrieval"}], r'tools\[1\]\.type: only "function" is known'),
        ([{"type": "function"}], r"tools\[0\]\.function: must be an object"),
        ([tool(name="a b")], r"tools\[0\]\.function\.name: must be 1 to 64"),
        ([tool(name="x" * 65)], r"tools\[0\]\.function\.name"),
        ([tool(name="f\n")], r"tools\[0\]\.function\.name"),
        ([tool(), tool()], r"tools\[1\]\.function\.name: 'f' is there twice"),
        ([tool(description=3)], r"tools\[0\]\.function\.description: must be text"),
        ([tool(parameters="x")], r"tools\[0\]\.function\.parameters: must be a JSON schema of an object"),
        ([tool(parameters={"type": "string"})], r'parameters\.type: must be "object"'),
        ([tool(parameters={"properties": []})], r"parameters\.properties: must be an object"),
        ([tool(parameters={"required": "x"})], r"parameters\.required: must be a list of names"),
    ],
)
def test_bad_tools_are_named(offered, sentence):
    with pytest.raises(UsageError, match=sentence):
        tools.checked_tools(offered)


@pytest.mark.parametrize(
    ("offered", "choice", "sentence"),
    [
        (None, "required", "tool_choice: there are no tools"),
        ([tool()], "any", "tool_choice: is 'any'; allowed: \"none\""),
        ([tool()], {"type": "function", "name": "f"}, "tool_choice: is"),
        ([tool()], ["f"], "tool_choice: is"),
        (
            [tool()],
            {"type": "function", "function": {"name": "g"}},
            r"tool_choice\.function\.name: 'g' is none of .*: f",
        ),
    ],
)
def test_bad_choices_are_named(offered, choice, sentence):
    with pytest.raises(UsageError, match=sentence):
        read(offered, choice)
