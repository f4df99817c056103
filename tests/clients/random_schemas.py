"""JSON schemas drawn at random, as people write them and worse, with names and values of many scripts beside hex digits."""

import random

LATIN = [chr(code) for code in (*range(0xA1, 0x100), 0x80, 0x85, 0xA0, 0xAD)]
OTHERS = [*"αβγΔΩώЖяшñ中文字典简体繁體日本語한글𝄞😀👩‍💻", "\u2028", "\ufeff", "\u0301", "\U0010ffff", "\ue000"]
PLAIN = [*"0123456789abcdefABCDEFghxyz _-.,:;/\\\"'{}[]()^$*+?|#\t\n\x01\x1f\x7f"]
PATTERNS = ["^[a-z]{2,5}$", "^[éa-c]{3}$", "^[^x]{1,4}$", r"^\d{3}-\d{4}$", "^(école|Straße|20°C)$", r"^[\w.]{2,6}@\w+$", "^[一-龥]{2,4}$",
            r'^["\\]{2}$', "^S_", "^[à-ÿ0-9]{1,6}$", r"^\S{1,9}$", "[α-ω]+", "^a.{0,60}b$", r"^\W{2}$"]  # fmt: skip
FORMATS = ["date", "time", "date-time", "email", "ipv4", "ipv6", "uuid", "hostname", "uri", "duration", "int32"]


class Schemas:
    """One stream of schemas for a seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def schema(self) -> dict:
        schema = self.part(3)
        while not isinstance(schema, dict):
            schema = self.part(3)
        if self.random.random() < 0.15:
            schema = {"type": "object", "properties": {"élan": {"$ref": "#/$defs/déf~1x"}, "b": {"$ref": "#/$defs/déf~1x"}},
                      "required": ["élan"], "$defs": {"déf/x": schema}}  # fmt: skip
        return schema

    def text(self, most: int = 8) -> str:
        draw = self.random
        kinds = (LATIN, LATIN, OTHERS, PLAIN, PLAIN, list("0aFcdE"))
        return "".join(draw.choice(draw.choice(kinds)) for _ in range(draw.randint(1, most)))

    def value(self, depth: int = 2):
        draw = self.random
        kind = draw.randrange(8 if depth else 6)
        if kind < 3:
            return self.text()
        if kind < 6:
            return [draw.randint(-999, 999), draw.choice([True, False, None]), round(draw.uniform(-9, 9), 3)][kind - 3]
        items = [self.value(depth - 1) for _ in range(draw.randint(0, 3))]
        return items if kind == 6 else {self.text(): item for item in items}

    def part(self, depth: int):
        draw = self.random
        if depth and draw.random() < 0.55:
            return draw.choice([self.object, self.object, self.array, self.several])(depth - 1)
        return draw.choice([self.string, self.string, self.number, self.values, self.values, self.plain])()

    def plain(self):
        return self.random.choice([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, True, {}])

    def values(self) -> dict:
        values = [self.value() for _ in range(self.random.randint(1, 5))]
        if self.random.random() < 0.3:
            return {"const": values[0]}
        texts = [value for value in values if isinstance(value, str)]
        return {"type": "string", "enum": texts} if texts and self.random.random() < 0.5 else {"enum": values}

    def string(self) -> dict:
        draw, found = self.random, {"type": "string"}
        kind = draw.randrange(5)
        if kind == 0:
            found["pattern"] = draw.choice(PATTERNS)
        if kind == 1:
            found["format"] = draw.choice(FORMATS)
        if kind == 2:
            found["minLength"] = draw.randint(0, 9)
        if kind in (2, 3):
            found["maxLength"] = draw.choice([9, 12, 40, 60, 150, 4000])
        return found

    def number(self) -> dict:
        draw, found = self.random, {"type": self.random.choice(["integer", "number"])}
        if draw.random() < 0.7:
            low = draw.choice([draw.randint(-2000, 2000), round(draw.uniform(-5, 5), draw.randint(1, 4)), 0])
            found[draw.choice(["minimum", "exclusiveMinimum"])] = low
            if draw.random() < 0.7:
                high = low + draw.choice([0.5, 1, 3, 99, 12345, 0.001])
                found[draw.choice(["maximum", "exclusiveMaximum"])] = round(high, 6)
        elif draw.random() < 0.5:
            found[draw.choice(["maximum", "exclusiveMaximum"])] = round(draw.uniform(-99, 99), 2)
        return found

    def object(self, depth: int) -> dict:
        draw = self.random
        names = [self.text() for _ in range(draw.randint(0, 4))]
        found = {"type": "object", "properties": {name: self.part(depth) for name in names}}
        found["required"] = [name for name in names if draw.random() < 0.6]
        found["required"] += [self.text()] if draw.random() < 0.15 else []
        if draw.random() < 0.4:
            found["additionalProperties"] = draw.choice([False, True, self.part(0)])
        if draw.random() < 0.15:
            del found["properties"]
        if draw.random() < 0.15:
            found["patternProperties"] = {draw.choice(PATTERNS): self.part(0)}
        if draw.random() < 0.1:
            found["propertyNames"] = draw.choice(
                [{"pattern": draw.choice(PATTERNS)}, {"maxLength": 5}, {"enum": names or ["é1"]}]
            )
        if draw.random() < 0.15:
            found["maxProperties"] = draw.randint(1, 4)
        if draw.random() < 0.15:
            found["minProperties"] = draw.randint(0, 3)
        return found

    def array(self, depth: int) -> dict:
        draw, found = self.random, {"type": "array", "items": self.part(depth)}
        if draw.random() < 0.3:
            found["prefixItems"] = [self.part(0) for _ in range(draw.randint(1, 3))]
            found |= draw.choice([{}, {"items": False}])
        if draw.random() < 0.5:
            found["minItems"] = draw.randint(0, 3)
            found["maxItems"] = found["minItems"] + draw.choice([0, 1, 3, 70])
        return found

    def several(self, depth: int) -> dict:
        draw, kind = self.random, self.random.choice(["anyOf", "anyOf", "oneOf", "allOf"])
        parts = [self.part(depth) for _ in range(draw.randint(1, 3))]
        beside = {"type": draw.choice(["object", "string", "integer"])} if draw.random() < 0.2 else {}
        return {kind: parts, **beside}
