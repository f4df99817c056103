"""Nulls in tools and in the arguments of calls that nobody wrote: Arrow gives every call the fields of all calls, as null.

`datasets` and parquet do so, and JSON lines written from them have it too, so the container does not matter. Left out are nulls
under keys, and objects that hold nothing else. A null is kept where the tool's own schema lets it be null or requires the
argument, and in lists, where Arrow adds none. Arguments that are JSON text have been through no Arrow and stay as written.
"""

import dataclasses
import math
from collections import Counter

from zhinao.data.read.formats.fields import Misfit
from zhinao.data.sample import Sample
from zhinao.lang import tr

IN_TOOLS, IN_ARGUMENTS = "tools[].*: null", "tool_calls[].arguments.*: null"
_CONTAINERS = ("function", "parameters", "properties")  # are there, even where nothing is in them
_ABSENT = object()


def of_tools(tools, ignored: Counter):
    """The tools without nulls; how many were left out is counted in `ignored`."""
    return [_schema(tool, ignored) for tool in tools] if isinstance(tools, list) else tools


def of_arguments(sample: Sample, ignored: Counter) -> Sample:
    """The sample without nulls in arguments that are objects; itself where there are none."""
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") for tool in sample.tools or ()}
    changed = {}
    for name in ("messages", "chosen", "rejected"):
        before = getattr(sample, name)
        if any("tool_calls" in message for message in before):
            changed[name] = [_message(message, schemas, ignored) for message in before]
    return dataclasses.replace(sample, **changed) if changed else sample


def _message(message: dict, schemas: dict, ignored: Counter) -> dict:
    if "tool_calls" not in message:
        return message
    return message | {"tool_calls": [_call(call, schemas, ignored) for call in message["tool_calls"]]}


def _call(call: dict, schemas: dict, ignored: Counter) -> dict:
    function = call["function"]
    if not isinstance(function["arguments"], dict):
        return call
    arguments = _argument(function["arguments"], schemas.get(function["name"]), ignored)
    return call | {"function": function | {"arguments": {} if arguments is _ABSENT else arguments}}


def _argument(value, schema, ignored: Counter):
    """`value` without nulls that its schema does not speak of; _ABSENT where nothing else was in it."""
    if isinstance(value, list):
        inner = schema.get("items") if isinstance(schema, dict) else None
        kept = [_argument(item, inner, ignored) for item in value]
        return [{} if item is _ABSENT else item for item in kept]
    if isinstance(value, float) and not math.isfinite(value):
        raise Misfit("tool_calls", tr(f"{value} in arguments is no JSON", f"参数中的 {value} 不是 JSON"))
    if not isinstance(value, dict):
        return value
    known = schema if isinstance(schema, dict) else {}
    properties = known.get("properties") if isinstance(known.get("properties"), dict) else {}
    kept = {}
    for key, inner in value.items():
        is_meant = _may_be_null(properties.get(key)) or key in (known.get("required") or ())
        inner = inner if inner is None else _argument(inner, properties.get(key), ignored)
        if inner is _ABSENT or (inner is None and not is_meant):
            ignored[IN_ARGUMENTS] += inner is None
        else:
            kept[key] = inner
    return kept if kept or not value else _ABSENT


def _may_be_null(schema) -> bool:
    if not isinstance(schema, dict):
        return False
    kinds, one_of = schema.get("type"), [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
    is_null = "null" in (kinds if isinstance(kinds, list) else [kinds]) or schema.get("nullable") is True
    return is_null or None in (schema.get("enum") or ()) or any(map(_may_be_null, one_of))


def _schema(value, ignored: Counter):
    """A schema has no use for null but as the default of what may be null."""
    if isinstance(value, list):
        return [{} if (kept := _schema(item, ignored)) is _ABSENT else kept for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, inner in value.items():
        is_meant = key in ("default", "const") and _may_be_null(value)
        inner = inner if inner is None else _schema(inner, ignored)
        inner = {} if inner is _ABSENT and key in _CONTAINERS else inner
        if inner is _ABSENT or (inner is None and not is_meant):
            ignored[IN_TOOLS] += inner is None
        else:
            kept[key] = inner
    return kept if kept or not value else _ABSENT
