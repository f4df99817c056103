"""JSON schemas as rules. Every answer that the rules allow keeps the schema; not every value that keeps it can be written.

Properties come in the order of the schema; what it does not name comes only where it says so, or demands it. Whatever cannot
be promised is refused by the name of its keyword and its place.
"""

import json
import urllib.parse
from decimal import Decimal

from zhinao.engine.grammar import join, json_text, shape
from zhinao.engine.grammar.containers import arrays, objects
from zhinao.engine.grammar.join import lost
from zhinao.engine.grammar.rules import Rules
from zhinao.engine.grammar.shape import wrong
from zhinao.engine.grammar.tree import NEVER, Repeat, Text, alt, maybe, of, seq
from zhinao.errors import UsageError
from zhinao.lang import tr

_REFUSED = (
    "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "contains", "minContains",
    "maxContains", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
_MAX_DEPTH = 80
_INDENT = 32  # blanks after a line break; without a limit a model that is lost goes on with blanks for ever
_MAX_LOOKS = 20_000  # at parts, while they are joined or compared: in circles these would be more and more


def rules_of(text: str) -> str:
    """The grammar of the answers that keep a schema. Raises UsageError."""
    try:
        return SchemaRules(json.loads(text, parse_constant=_no_number)).written()
    except ValueError as error:
        raise UsageError(
            tr(f"The json_schema is no JSON: {error}.", f"json_schema 不是合法的 JSON：{error}。")
        ) from None
    except RecursionError:
        raise UsageError(tr("The json_schema is nested too deeply.", "json_schema 嵌套过深。")) from None


def _no_number(name: str):
    raise ValueError(name)


class SchemaRules:
    """`schema` is the whole one, in which references are looked up."""

    def __init__(self, schema):
        shape.check(schema, "#")
        self.schema, self.rules = schema, Rules()
        self._names: dict[str, str] = {}
        self._num_looks = 0
        self.space = self.rules.add("space", maybe(alt(Text(" "), seq(Text("\n"), Repeat(of(" \t"), 0, _INDENT)))))

    def written(self) -> str:
        return self.rules.written(self.rule(self.schema, "#"))

    def rule(self, schema, place: str):
        """A reference to the rule of a schema; one for schemas that are the same, so that they may contain themselves."""
        if schema is True or schema == {}:
            return self.any_value()
        key = json.dumps(schema)
        if key not in self._names:
            if place.count("/") > _MAX_DEPTH * 2:
                raise wrong(tr("nested too deeply", "嵌套过深"), place)
            name = f"s{len(self._names)}"
            self._names[key] = name
            node = self._build(schema, place)
            self.rules.add(name, node)
        return self.rules.reference(self._names[key])

    def any_value(self):
        if "any" not in self.rules.named:
            self.rules.named["any"] = NEVER  # until it is known: it contains itself
            kinds = [self._kind(kind, {}, "#") for kind in join.KINDS if kind != "integer"]
            self.rules.named["any"] = alt(*kinds)
        return self.rules.reference("any")

    def _build(self, schema, place: str):
        if schema is False:
            return NEVER
        _check(schema, place)
        rest = {key: found for key, found in join.constraints(schema).items() if key not in ("$ref", "allOf")}
        if "$ref" in schema or "allOf" in schema:
            parts = [self.resolved({"$ref": schema["$ref"]}, place)] if "$ref" in schema else []
            parts += schema.get("allOf", [])
            if len(parts) == 1 and not rest:
                return self.rule(parts[0], f"{place}/allOf/0" if "allOf" in schema else place)
            return self.rule(self._all(rest, parts, place), place)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._one_of(key, schema, rest, place)
        if "const" in schema or "enum" in schema:
            return self._values(schema, rest, place)
        return alt(*(self._kind(kind, schema, place) for kind in join.kinds(schema, place)))

    def _all(self, rest: dict, parts: list, place: str):
        result = rest
        for n, part in enumerate(parts):
            result = join.joined(result, self._flat(part, f"{place}/allOf/{n}"), place)
        return result

    def _flat(self, schema, place: str, depth: int = 0):
        """A schema without references and `allOf` on top."""
        schema = self.resolved(schema, place)
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            if isinstance(schema, dict):
                raise wrong(tr("nested too deeply", "嵌套过深"), place)
            return schema
        _check(schema, place)
        if not ({"$ref", "allOf"} & schema.keys()):
            return schema
        rest = {key: found for key, found in join.constraints(schema).items() if key not in ("$ref", "allOf")}
        parts = ([{"$ref": schema["$ref"]}] if "$ref" in schema else []) + schema.get("allOf", [])
        for part in parts:
            rest = join.joined(rest, self._flat(part, place, depth + 1), place)
        return rest

    def resolved(self, schema, place: str = "#"):
        """What a schema that is nothing but a reference refers to; others as they are. Raises UsageError."""
        self._num_looks += 1
        if self._num_looks > _MAX_LOOKS:
            raise lost(tr("allOf or oneOf too often", "过多的 allOf 或 oneOf"), place)
        for _ in range(_MAX_DEPTH):
            if not isinstance(schema, dict) or "$ref" not in schema or len(join.constraints(schema)) > 1:
                return schema
            schema = self._target(schema["$ref"], place)
        raise wrong(tr("references turn in circles", "引用循环"), place)

    def _target(self, reference, place: str):
        if not reference.startswith("#"):
            what = tr(f"URI should start with #: {reference!r}", f"$ref 应以 # 开头：{reference!r}")
            raise wrong(what, place)
        found = self.schema
        for step in urllib.parse.unquote(reference[1:]).split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            elif isinstance(found, dict) and step in found:
                found = found[step]
            else:
                raise wrong(
                    tr(f"Cannot find field {step!r} of {reference}", f"找不到 {reference} 中的 {step!r}"), place
                )
        if reference not in ("#", "#/") and "/" not in reference:
            raise wrong(tr(f"{reference} is no pointer", f"{reference} 不是指针"), place)
        shape.check(found, place)  # it may stand where no schema is looked for
        return found

    def _one_of(self, key: str, schema: dict, rest: dict, place: str):
        others = {name: found for name, found in rest.items() if name != key}
        parts = schema[key]
        if others:
            parts = [
                join.joined(others, self._flat(part, f"{place}/{key}/{n}"), f"{place}/{key}/{n}")
                for n, part in enumerate(parts)
            ]
        if key == "oneOf":
            self._check_apart(parts, place)
        return alt(*(self.rule(part, f"{place}/{key}/{n}") for n, part in enumerate(parts)))

    def _check_apart(self, parts: list, place: str) -> None:
        """Both ways: what is written for one must not fit another."""
        for n, one in enumerate(parts):
            for m, other in enumerate(parts):
                if n != m and not join.are_apart(one, other, self.resolved):
                    what = tr(f"oneOf whose parts {n} and {m} may hold together (anyOf allows that)",
                              f"第 {n} 与第 {m} 部分可能同时成立的 oneOf（anyOf 允许）")  # fmt: skip
                    raise lost(what, place)

    def _values(self, schema: dict, rest: dict, place: str):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        if "const" in schema and "enum" in schema:
            values = [value for value in values if any(join.same(value, one) for one in schema["enum"])]
        beside = rest.keys() - {"const", "enum", "type"}
        values = [value for value in values if join.allows_kind(schema, value)]
        for key in sorted(beside):
            if not all(isinstance(value, str) for value in values) or key not in join.STRING:
                raise lost(f"{key} beside {'const' if 'const' in schema else 'enum'}", place)
        if beside:
            told = [(value, join.fits(value, {k: v for k, v in rest.items() if k in beside})) for value in values]
            if any(fits is None for _, fits in told):
                raise lost(f"{min(beside)} beside enum", place)
            values = [value for value, fits in told if fits]
        return alt(*(json_text.value(value) for value in values))

    def _kind(self, kind: str, schema: dict, place: str):
        match kind:
            case "null":
                return Text("null")
            case "boolean":
                return alt(Text("true"), Text("false"))
            case "string":
                return self.string(schema, place)
            case "object":
                return objects(self, schema, place)
            case "array":
                return arrays(self, schema, place)
        return self._number(kind, schema, place)

    def string(self, schema: dict, place: str):
        least, most = bounds(schema, "minLength", "maxLength")
        pattern, form = schema.get("pattern"), schema.get("format")
        known = json_text.FORMATS.get(form) if isinstance(form, str) else None
        if pattern is not None and known:
            raise lost("format beside pattern", place)
        if pattern is None and known is None:
            return json_text.string(self.rules, least, most)
        tree, (low, high) = json_text.fitting(known or pattern, self.rules)
        for key, is_kept in (
            ("minLength", low >= least),
            ("maxLength", most is None or (high is not None and high <= most)),
        ):
            if not is_kept:
                raise lost(f"{key} beside {'pattern' if pattern else 'format'}", place)
        return tree

    def _number(self, kind: str, schema: dict, place: str):
        step = schema.get("multipleOf", 1)
        if step != 1 or ("multipleOf" in schema and kind == "number"):
            raise lost("multipleOf", place)
        low, is_open_low = _limit(schema, "minimum", "exclusiveMinimum", max, place)
        high, is_open_high = _limit(schema, "maximum", "exclusiveMaximum", min, place)
        if low is not None and high is not None and low > high:
            return NEVER
        if kind == "number":
            return json_text.number(low, high, is_open_low, is_open_high)
        first = None if low is None else int(low.to_integral_value("ROUND_CEILING"))
        last = None if high is None else int(high.to_integral_value("ROUND_FLOOR"))
        first = first + 1 if is_open_low and first == low else first
        last = last - 1 if is_open_high and last == high else last
        return NEVER if first is not None and last is not None and first > last else json_text.integer(first, last)


def _check(schema: dict, place: str) -> None:
    for key in _REFUSED:
        if schema.get(key, False) is not False:
            raise lost(key, place)


def bounds(schema: dict, least: str, most: str) -> tuple[int, int | None]:
    """Two counts."""
    return int(schema.get(least, 0)), int(schema[most]) if most in schema else None


def _limit(schema: dict, key: str, exclusive: str, pick, place: str) -> tuple[Decimal | None, bool]:
    """A bound and whether it is open; the older form, in which `exclusive…` is true or false, is known as well."""
    given, strict = schema.get(key), schema.get(exclusive)
    if isinstance(strict, bool):
        return (None if given is None else Decimal(str(given))), strict and given is not None
    found = [Decimal(str(one)) for one in (given, strict) if one is not None]
    if not found:
        return None, False
    bound = pick(found)
    if abs(bound) > 10**30 or -int(bound.as_tuple().exponent) > 12:
        raise lost(f"{key} {bound}", place)
    return bound, strict is not None and Decimal(str(strict)) == bound
