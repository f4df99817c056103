"""A model without weights: words follow from a hash of what stands before them. Every rule of sampling that checks look at holds."""

import random
import re
import zlib

TEXT = "the fox saw a raven who had some cheese and said that it was very fine to sing in tall trees by cold rivers"
WORDS = TEXT.split()
_ids: dict[str, int] = {}
_tokens: list[str] = []
THOUGHT = "Seven and five are twelve and one is carried so there are forty two in all of it"


def tokens_of(text: str) -> list[str]:
    return re.findall(r" ?[A-Za-z]+|.", text, re.S)


def ids_of(text: str) -> list[int]:
    for token in tokens_of(text):
        if token not in _ids:
            _ids[token] = len(_tokens)
            _tokens.append(token)
    return [_ids[token] for token in tokens_of(text)]


def text_of(ids: list[int]) -> str:
    """Raises IndexError for ids that were never given out."""
    if any(not isinstance(i, int) or i < 0 for i in ids):
        raise IndexError
    return "".join(_tokens[i] for i in ids)


def _hash(*parts) -> int:
    return zlib.crc32(repr(parts).encode())


def greedy(context: str, salt="") -> str:
    return " " + WORDS[_hash(context[-60:], salt) % len(WORDS)]


def logprob(context: str, token: str) -> float:
    if token == greedy(context):
        return -0.1
    return -9.0 if token == " purple" else -1.0 - _hash(context[-60:], token) % 30 / 10


def write(prompt: str, body: dict, index: int, num_usual: int) -> list[str]:
    """The tokens of a free answer: `num_usual` of them, unless the request asks for more."""
    names = ("frequency_penalty", "presence_penalty", "repetition_penalty", "repeat_penalty", "logit_bias")
    values = (body.get(name) for name in names)
    salt = [value for value in values if value]
    is_greedy = (
        not body.get("temperature", 1)
        or body.get("top_k") == 1
        or body.get("top_p", 1) < 0.01
        or body.get("min_p", 0) >= 1
    )
    seed = body.get("seed")
    dice = random.Random(f"{seed}/{index}" if seed is not None else None)
    limit, num = body.get("max_tokens") or 700, max(num_usual, body.get("min_tokens") or 0)
    text, made = prompt, []
    while len(made) < (limit if body.get("ignore_eos") else min(num, limit)):
        token = greedy(text, salt or "") if is_greedy else " " + dice.choice(WORDS)
        made.append(token)
        text += token
    return made


def instance(schema: dict, root: dict | None = None):
    """A value that keeps a schema."""
    root = root or schema
    if "$ref" in schema:
        return instance(root["$defs"][schema["$ref"].split("/")[-1]], root)
    if "anyOf" in schema:
        return instance(schema["anyOf"][0], root)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("pattern"):
        return matching(schema["pattern"])
    simple = {"boolean": True, "null": None, "string": "fox", "integer": schema.get("minimum", 1)}
    if schema.get("type") == "object":
        return {name: instance(one, root) for name, one in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [instance(schema["items"], root)] * schema.get("minItems", 1)
    return simple[schema["type"]]


def matching(pattern: str) -> str:
    """A text that a regular expression of literals, classes and counts matches."""
    parser = re._parser  # the standard library's own, to be spared another one

    def one(op, value) -> str:
        if str(op) == "LITERAL":
            return chr(value)
        if str(op) == "IN":
            kind, what = value[0]
            return chr(what[0] if str(kind) == "RANGE" else what)
        if str(op) == "MAX_REPEAT":
            return "".join(one(*part) for part in value[2]) * value[0]
        return ""

    return "".join(one(*part) for part in parser.parse(pattern))
