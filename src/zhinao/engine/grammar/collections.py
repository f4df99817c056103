"""Objects and arrays of JSON as rules: names, order, counts. Of the schemas within they know nothing."""

from itertools import combinations

from zhinao.engine.grammar import join, json_text, regex
from zhinao.engine.grammar.join import lost, wrong
from zhinao.engine.grammar.tree import EMPTY, NEVER, Chars, Repeat, Rules, Seq, Text, alt, maybe, of, seq, without
from zhinao.lang import tr

_MAX_STATES = 20_000


def objects(of_schema, schema: dict, place: str):
    return _Object(of_schema, schema, place).tree()


class _Object:
    """`members` are (name, tree of its value, whether it must come); `extra` is any further pair, or NEVER."""

    def __init__(self, of_schema, schema: dict, place: str):
        self.of, self.schema, self.place, self.space = of_schema, schema, place, of_schema.space
        self.rules: Rules = of_schema.rules
        self.properties = self._part("properties")
        self.patterns = self._part("patternProperties")
        self.required = schema.get("required") or []
        if not isinstance(self.required, list) or not all(isinstance(name, str) for name in self.required):
            raise wrong(tr("required is no list of names", "required 不是名称列表"), place)
        self.rest = schema.get("additionalProperties", schema.get("unevaluatedProperties"))

    def _part(self, key: str) -> dict:
        found = self.schema.get(key, {})
        if not isinstance(found, dict):
            raise wrong(tr(f"{key} is no object", f"{key} 不是对象"), self.place)
        return found

    def tree(self):
        names = [*self.properties, *dict.fromkeys(name for name in self.required if name not in self.properties)]
        self.members = [(name, self._value(name), name in self.required) for name in names]
        self.extra = self._extra(set(names))
        self.least, self.most = self._bounds()
        if (len(self.members) + 1) * (self._last_count() + 2) > _MAX_STATES:
            raise lost("minProperties / maxProperties", self.place)
        self.made: dict[tuple, object] = {}
        return seq(Text("{"), self.space, self._from(0, 0), self.space, Text("}"))

    def _bounds(self):
        from zhinao.engine.grammar.schema import bounds

        return bounds(self.schema, "minProperties", "maxProperties", self.place)

    def _value(self, name: str):
        """The tree of what a name may hold; NEVER where it must not come."""
        parts = [(self.properties[name], f"properties/{name}")] if name in self.properties else []
        for pattern, part in self.patterns.items():
            found = join.is_match(pattern, name)
            if found is None:
                raise lost(f"patternProperties {pattern!r}", self.place)
            parts += [(part, f"patternProperties/{pattern}")] if found else []
        if not parts:
            parts = [(True if self.rest is None else self.rest, "additionalProperties")]
        if (wanted := self.schema.get("propertyNames")) is not None:
            fits = join.fits(name, self.of.resolved(wanted, self.place))
            if fits is None:
                raise lost("propertyNames", self.place)
            parts = parts if fits else [(False, "propertyNames")]
        schema = parts[0][0]
        for part, _ in parts[1:]:
            schema = part if join.same(part, schema) else join.joined(schema, part, self.place)
        return self.of.rule(schema, f"{self.place}/{parts[0][1]}")

    def _extra(self, names: set[str]):
        """Pairs whose names the schema does not tell."""
        if self.patterns:
            return self._by_pattern()
        rest = self.rest
        if rest is None:  # what is listed is meant to be all
            rest = not ("properties" in self.schema or self.required)
        if rest is False:
            return NEVER
        wanted = self.schema.get("propertyNames")
        if wanted is None or wanted is True:
            key = seq(Text('"'), self._other_names(names), Text('"'))
        elif names:
            return NEVER  # none may be written twice
        else:
            key = (
                self.of.string(self.of.resolved(wanted, self.place), f"{self.place}/propertyNames")
                if not ({"enum", "const", "anyOf", "oneOf", "allOf"} & self.of.resolved(wanted, self.place).keys())
                else self.of.rule(
                    {"type": "string", **self.of.resolved(wanted, self.place)}, f"{self.place}/propertyNames"
                )
            )
        return self._pair(key, self.of.rule(rest, f"{self.place}/additionalProperties"))

    def _other_names(self, names: set[str]):
        """The inside of the strings that are none of these; without escapes, so that no name can be written in another way."""
        names = {name for name in names if not without(of(name), json_text.PLAIN).ranges}
        any_end = self.rules.add("name", Repeat(json_text.PLAIN, 0, None))
        if not names:
            return seq(json_text.PLAIN, any_end)
        firsts = {name[0] for name in names if name}
        ways = [seq(without(json_text.PLAIN, of("".join(firsts))), any_end)]
        for first in sorted(firsts):
            ends = {name[1:] for name in names if name[:1] == first}
            longer = self._other_names(ends - {""})
            ways.append(seq(Text(first), longer if "" in ends else alt(EMPTY, longer)))
        return self.rules.fresh(alt(*ways))

    def _by_pattern(self):
        if "propertyNames" in self.schema:
            raise lost("propertyNames beside patternProperties", self.place)
        pairs = []
        for one, other in combinations(self.patterns, 2):
            if not join.same(self.patterns[one], self.patterns[other]) and not _start_apart(one, other):
                raise lost(
                    tr(
                        f"patternProperties that may overlap ({one}, {other})",
                        f"可能重叠的 patternProperties（{one}、{other}）",
                    ),
                    self.place,
                )
        for pattern, part in self.patterns.items():
            key, _ = json_text.fitting(pattern, self.rules)
            pairs.append(self._pair(key, self.of.rule(part, f"{self.place}/patternProperties/{pattern}")))
        # A name that is listed and fits a pattern would come twice.
        if any(join.is_match(pattern, name) is not False for pattern in self.patterns for name, _, _ in self.members):
            return NEVER
        return alt(*pairs)

    def _pair(self, key, value):
        return seq(key, self.space, Text(":"), self.space, value)

    def _last_count(self) -> int:
        """Beyond it counts make no difference."""
        return max(self.least, 0 if self.most is None else self.most + 1, 1)

    def _from(self, n: int, count: int):
        """What may follow when the members before the n-th are decided and `count` pairs are written."""
        count = min(count, self._last_count())
        if self.most is not None and count > self.most:
            return NEVER
        if n == len(self.members):
            return self._tail(count)
        if (n, count) not in self.made:
            name, value, must = self.members[n]
            pair = seq(self._comma(count), self._pair(json_text.value(name), value))
            way = seq(pair, self._from(n + 1, count + 1))
            self.made[n, count] = self.rules.fresh(way if must else alt(way, self._from(n + 1, count)))
        return self.made[n, count]

    def _comma(self, count: int):
        return seq(self.space, Text(","), self.space) if count else EMPTY

    def _tail(self, count: int):
        least, most = max(0, self.least - count), None if self.most is None else self.most - count
        if self.extra == NEVER:
            return EMPTY if least == 0 else NEVER
        if least > 1 or (least and count):
            raise lost("minProperties", self.place)  # the same name could come twice
        further = seq(self._comma(1), self.extra)
        if count:
            return self.rules.repeat(further, least, most)
        if most == 0:
            return EMPTY
        some = seq(self.extra, self.rules.repeat(further, 0, None if most is None else most - 1))
        return some if least else maybe(some)


def _start_apart(one: str, other: str) -> bool:
    """Whether two patterns that hold at the start of a name begin with different characters."""
    if not (one.startswith("^") and other.startswith("^")) or "|" in one + other:
        return False
    first, second = (_first(regex.tree(pattern, Rules())) for pattern in (one, other))
    return bool(first and second) and without(first, second) == first


def _first(node) -> Chars | None:
    match node:
        case Text(text):
            return of(text[0])
        case Chars():
            return node
        case Repeat(part, least, _) if least:
            return _first(part)
        case Seq((part, *_)):
            return _first(part)
    return None


def arrays(of_schema, schema: dict, place: str):
    from zhinao.engine.grammar.schema import bounds

    prefix, rest = _items(schema, place)
    least, most = bounds(schema, "minItems", "maxItems", place)
    if schema.get("uniqueItems") and (most is None or most > 1):
        raise lost("uniqueItems", place)
    first = [of_schema.rule(part, f"{place}/prefixItems/{n}") for n, part in enumerate(prefix[:most])]
    comma = seq(of_schema.space, Text(","), of_schema.space)
    item = NEVER if rest is False else of_schema.rule(rest, f"{place}/items")
    inside = _listed(
        of_schema.rules, first, item, comma, max(0, least - len(first)), None if most is None else most - len(first)
    )
    return seq(Text("["), of_schema.space, inside, of_schema.space, Text("]"))


def _items(schema: dict, place: str) -> tuple[list, object]:
    """The schemas of the first items, and of all further ones; where only the first are told, no others come."""
    prefix, rest = schema.get("prefixItems"), schema.get("items", schema.get("unevaluatedItems"))
    if isinstance(rest, list):
        prefix, rest = rest, schema.get("additionalItems", schema.get("unevaluatedItems"))
    if prefix is not None and not isinstance(prefix, list):
        raise wrong(tr("prefixItems is no list", "prefixItems 不是列表"), place)
    if rest is None:
        rest = not prefix
    return prefix or [], rest


def _listed(rules: Rules, first: list, item, comma, least: int, most: int | None):
    further = seq(comma, item)
    if first:
        joined = [part if n == 0 else seq(comma, part) for n, part in enumerate(first)]
        return seq(*joined, rules.repeat(further, least, most))
    if most == 0:
        return EMPTY if least == 0 else NEVER
    some = seq(item, rules.repeat(further, max(0, least - 1), None if most is None else most - 1))
    return some if least else alt(EMPTY, some)
