"""Objects and arrays of JSON as rules: names, order, counts. Of the schemas within they know nothing."""

from itertools import combinations

from zhinao.engine.grammar import join, json_text, regex
from zhinao.engine.grammar.join import lost
from zhinao.engine.grammar.rules import Rules
from zhinao.engine.grammar.tree import EMPTY, NEVER, Chars, Repeat, Seq, Text, alt, maybe, of, seq, without
from zhinao.lang import tr

_MAX_STATES = 20_000
_MAX_NAMES = 4_000  # characters of names that others must differ from


def objects(of_schema, schema: dict, place: str):
    return _Object(of_schema, schema, place).tree()


class _Object:
    """`members` are (name, tree of its value, whether it must come); `extra` is any further pair, or NEVER."""

    def __init__(self, of_schema, schema: dict, place: str):
        self.of, self.schema, self.place, self.space = of_schema, schema, place, of_schema.space
        self.rules: Rules = of_schema.rules
        self.properties = schema.get("properties", {})
        self.patterns = schema.get("patternProperties", {})
        self.required = schema.get("required", [])
        self.rest = schema.get("additionalProperties", schema.get("unevaluatedProperties"))

    def tree(self):
        names = [*self.properties, *dict.fromkeys(name for name in self.required if name not in self.properties)]
        self.members = [(name, self._value(name), name in self.required) for name in names]
        self.extra = self._extra(set(names))
        self.least, self.most = int(self.schema.get("minProperties", 0)), None
        if "maxProperties" in self.schema:
            self.most = int(self.schema["maxProperties"])
        if (len(self.members) + 1) * (self._last_count() + 2) > _MAX_STATES:
            raise lost("minProperties / maxProperties", self.place)
        return seq(Text("{"), self.space, self._inside(), self.space, Text("}"))

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
        wanted = self.of.resolved(self.schema.get("propertyNames", True), self.place)
        if wanted is True:
            if sum(map(len, names)) > _MAX_NAMES:
                raise lost(
                    tr("additionalProperties beside so many names", "与过多名称并列的 additionalProperties"), self.place
                )
            key = seq(Text('"'), self._other_names(names), Text('"'))
        elif names:
            return NEVER  # none may be written twice
        else:
            key = self.of.rule(join.joined({"type": "string"}, wanted, self.place), f"{self.place}/propertyNames")
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

    def _inside(self):
        """All pairs, from the last on: what may follow when the members before the n-th are decided and so many pairs written."""
        last = self._last_count()
        following = [self._tail(count) for count in range(last + 1)]
        for n in reversed(range(len(self.members))):
            name, value, must = self.members[n]
            pair = self._pair(json_text.value(name), value)
            ways = []
            for count in range(min(n, last) + 1):
                way = seq(self._comma(count), pair, self._limited(following, count + 1))
                ways.append(self.rules.fresh(way if must else alt(way, self._limited(following, count))))
            following = ways
        return self._limited(following, 0)

    def _limited(self, following: list, count: int):
        return NEVER if self.most is not None and count > self.most else following[min(count, self._last_count())]

    def _comma(self, count: int):
        return seq(self.space, Text(","), self.space) if count else EMPTY

    def _tail(self, count: int):
        least, most = max(0, self.least - count), None if self.most is None else self.most - count
        if most is not None and most < 0:
            return NEVER
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
    prefix, rest = _items(schema)
    least, most = int(schema.get("minItems", 0)), int(schema["maxItems"]) if "maxItems" in schema else None
    if schema.get("uniqueItems") and (most is None or most > 1):
        raise lost("uniqueItems", place)
    first = [of_schema.rule(part, f"{place}/prefixItems/{n}") for n, part in enumerate(prefix[:most])]
    comma = seq(of_schema.space, Text(","), of_schema.space)
    item = NEVER if rest is False else of_schema.rule(rest, f"{place}/items")
    inside = _listed(
        of_schema.rules, first, item, comma, max(0, least - len(first)), None if most is None else most - len(first)
    )
    return seq(Text("["), of_schema.space, inside, of_schema.space, Text("]"))


def _items(schema: dict) -> tuple[list, object]:
    """The schemas of the first items, and of all further ones; where only the first are told, no others come."""
    prefix, rest = schema.get("prefixItems"), schema.get("items", schema.get("unevaluatedItems"))
    if isinstance(rest, list):
        prefix, rest = rest, schema.get("additionalItems", schema.get("unevaluatedItems"))
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
