"""Values between a program's process and its tests': plain data by their content, everything else by a number.

JSON carries them, tagged, since it knows no tuples and no sets. A stranger's text makes no object but plain data here.
"""

import builtins
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)

_PLAIN = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_MAKE = {name: kind for kind, name in _PLAIN.items()}


def encode(value, number_of) -> list:
    """`number_of(value)`: the number of what is no plain data. Subclasses of plain kinds are told as those: they compare alike."""
    if value is None or value is True or value is False:
        return ["const", value]
    for kind, tag in ((int, "int"), (float, "float"), (complex, "complex")):
        if isinstance(value, kind):
            return [tag, kind.__repr__(kind(value))]
    if isinstance(value, str):
        return ["str", [ord(one) for one in value] if _is_odd(value) else str.__str__(value)]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", list(value)]
    for kind, tag in _PLAIN.items():
        if isinstance(value, kind):
            return [tag, [encode(one, number_of) for one in kind.__iter__(value)]]
    if isinstance(value, dict):
        return ["dict", [[encode(key, number_of), encode(one, number_of)] for key, one in dict.items(value)]]
    if isinstance(value, type) and getattr(builtins, value.__name__, None) is value:
        return ["type", value.__name__]
    return ["object", number_of(value)]


def decode(told: list, object_of):
    """`object_of(number)`: what stands for it here. Raises ValueError for what `encode` never writes."""
    tag, content = told
    if tag == "const":
        return content
    if tag == "int":
        return int(content)
    if tag == "float":
        return float(content)
    if tag == "complex":
        return complex(content)
    if tag == "str":
        return content if isinstance(content, str) else "".join(map(chr, content))
    if tag == "bytes":
        return bytes(content)
    if tag in _MAKE:
        return _MAKE[tag](decode(one, object_of) for one in content)
    if tag == "dict":
        return {decode(key, object_of): decode(one, object_of) for key, one in content}
    if tag == "type" and isinstance(kind := getattr(builtins, content, None), type):
        return kind
    if tag == "object":
        return object_of(content)
    raise ValueError(tag)


def _is_odd(text: str) -> bool:
    """Lone surrogates, which JSON's text cannot carry safely."""
    return any("\ud800" <= one <= "\udfff" for one in text)
